"""The sheet of guidance: what each column takes. Never more than two cells in a row, so that it is read as no table."""

from xlsxwriter.worksheet import Worksheet

from ingestion.contract import Column
from ingestion.templating.list_form import example_of, heading_of
from ingestion.templating.request import Request
from ingestion.templating.styles import Styles

GUIDE_SHEET = "Hướng dẫn"
_ADVICE = (
    "Ô không có số liệu để trống, không ghi số 0 thay cho số liệu chưa có.",
    "Không đổi, không xóa tiêu đề cột. Trang “Hướng dẫn” không tính là số liệu.",
)
_ADVICE_ON_LISTS = (
    "Ghi mỗi đối tượng trên một dòng, liền dưới dòng cuối. Cột nền đậm là cột bắt buộc.",
    "Mã (mã hộ, mã xã, số CCCD/CMND…) ghi dạng chữ, đủ số 0 ở đầu.",
    "Dòng “Ví dụ” chỉ để minh họa: có thể xóa hoặc để nguyên, hệ thống không tính dòng này.",
)
_ADVICE_ON_FORMS = ("Chỉ ghi vào ô trống: dòng cộng, cột tỷ lệ và cột cuối kỳ tự tính theo công thức.",)


def write_guide(sheet: Worksheet, styles: Styles, request: Request, standard_code: str, *, is_list: bool) -> None:
    """Write the guidance of a data set for its sender and period."""
    bold, wrapped = styles.plain(bold=True, valign="top", text_wrap=True), styles.plain(valign="top", text_wrap=True)
    contract = request.contract
    sheet.set_column(0, 0, 38)
    sheet.set_column(1, 1, 100)
    sheet.write_string(0, 0, "HƯỚNG DẪN LẬP BÁO CÁO", styles.plain(bold=True, font_size=14))
    facts = (
        ("Biểu", contract.title_vi),
        ("Kỳ", request.period_title.removeprefix("Kỳ báo cáo: ")),
        ("Đơn vị gửi", f"{request.sender_name} (thư mục {request.sender_code}/{request.period.code})"),
        ("Hạn gửi", f"{request.due_on:%d/%m/%Y}"),
    )
    row = 2
    for label, text in facts:
        sheet.write_string(row, 0, label, bold)
        sheet.write_string(row, 1, text, wrapped)
        row += 1
    for advice in (*(_ADVICE_ON_LISTS if is_list else _ADVICE_ON_FORMS), *_ADVICE):
        row += 1
        sheet.write_string(row, 1, advice, wrapped)
    row += 2
    for column in contract.columns_for(standard_code):
        if column.derived:
            continue
        example = example_of(column, request)
        shown = f"{example:%d/%m/%Y}" if hasattr(example, "strftime") else example
        told = [
            _need(request, column),
            f"Cần ghi {column.expected[0]}.",
            *([f"Không lớn hơn “{contract.column(column.at_most).heading}”."] if column.at_most else []),
            *([f"Ví dụ: {shown}."] if example is not None else []),
        ]
        sheet.write_string(row, 0, heading_of(column, standard_code), bold)
        sheet.write_string(row, 1, " ".join(told), wrapped)
        row += 1
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)


def _need(request: Request, column: Column) -> str:
    """Whether a cell of the column must be filled."""
    group = next((group for group in request.contract.one_of if column.name in group), ())
    if group:
        headings = [f"“{request.contract.column(name).heading}”" for name in group]
        return f"Phải ghi ít nhất một trong các cột {', '.join(headings)}."
    return "Bắt buộc." if column.required and column.type != "flag" else "Không bắt buộc."
