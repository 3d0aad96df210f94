"""What an answer says: the verdict on each report of a file, and each finding as its sender reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from ingestion.answering.notes import Note, Paragraph
from ingestion.contract import NUMERIC_TYPES, Column
from ingestion.finding import Severity
from ingestion.rule import shown

SEVERITIES: tuple[Severity, ...] = ("reject", "critical", "warning")
"""The worst first."""

SEVERITY_NAMES: dict[Severity, tuple[str, str]] = {
    "reject": ("Từ chối", "Rejected"),
    "critical": ("Phải sửa", "To correct"),
    "warning": ("Cần xem lại", "Please check"),
}
SEE_CELL = "(xem ô)"
"""Stands in the list for what was sent in a column of personal data."""

_VIETNAM = timezone(timedelta(hours=7))
_MOST_LETTERS = 600
_MOST_IN_NOTE = 5


@dataclass(frozen=True, slots=True)
class Point:
    """One finding as the sender reads it.

    `cell` is the A1 address that is marked, None where none is; `row_number` and `headings` tell the cell of a format
    whose cells have no address. `read` is what the warehouse understood; `expected` and `example` say what belongs
    there.
    """

    rule_id: str
    severity: Severity
    message_vi: str
    message_en: str
    action_vi: str
    sheet_name: str | None = None
    row_number: int | None = None
    cell: str | None = None
    heading: str = ""
    headings: tuple[str, ...] = ()
    sent: str | None = None
    read: str | None = None
    expected: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True)
class JudgedReport:
    """One report of the file with what was decided: `verdict` is a code of `ingestion.ops.VERDICTS`."""

    title_vi: str
    title_en: str
    sheet_names: tuple[str, ...]
    verdict: str
    row_count: int
    held_row_count: int
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """All that an answer says of one file. Points stand in the order in which they are listed."""

    sender_code: str
    period_code: str
    file_name: str
    received_at: datetime
    reports: tuple[JudgedReport, ...]
    points: tuple[Point, ...]
    layout_kept: bool = True
    """False where the sender's own workbook could not be edited and a copy of its cells is sent instead."""

    def count(self, *severities: Severity) -> int:
        """How many points are of these severities."""
        return sum(point.severity in severities for point in self.points)

    @property
    def verdict(self) -> str:
        """The worst verdict on a report of the file."""
        verdicts = {report.verdict for report in self.reports}
        order = ("rejected", "accepted_with_findings", "accepted")
        return next((verdict for verdict in order if verdict in verdicts), "rejected")


def sentence(content: Content) -> tuple[str, str]:
    """The verdict in one sentence, Vietnamese and English."""
    if len(content.reports) == 1:
        return report_sentence(content.reports[0], content)
    refused = sum(report.verdict == "rejected" for report in content.reports)
    count = len(content.reports)
    to_correct, to_check = content.count("reject", "critical"), content.count("warning")
    points_vi = f" Có {grouped(to_correct)} điểm phải sửa, {grouped(to_check)} điểm cần xem lại."
    points_en = f" {grouped(to_correct, 1)} points to correct, {grouped(to_check, 1)} to check."
    if refused == count:
        return (
            f"KHÔNG ĐƯỢC CHẤP NHẬN: cả {count} báo cáo trong tệp đều bị từ chối.{points_vi}",
            f"Rejected: all {count} reports in the file are refused.{points_en}",
        )
    if refused:
        return (
            f"CHỈ ĐƯỢC CHẤP NHẬN MỘT PHẦN: trong {count} báo cáo của tệp có {refused} báo cáo bị từ chối.{points_vi}",
            f"Accepted in part: of the {count} reports in the file {refused} are rejected.{points_en}",
        )
    if content.points:
        return (
            (
                f"ĐÃ ĐƯỢC CHẤP NHẬN, CÒN ĐIỂM CẦN {'SỬA' if to_correct else 'XEM LẠI'}: cả {count} báo cáo trong tệp"
                f" được chấp nhận.{points_vi}"
            ),
            f"Accepted with findings: all {count} reports in the file are accepted.{points_en}",
        )
    return (
        f"ĐÃ ĐƯỢC CHẤP NHẬN: cả {count} báo cáo trong tệp được chấp nhận, không có gì phải sửa.",
        f"Accepted: all {count} reports in the file are accepted, nothing to correct.",
    )


def report_sentence(report: JudgedReport, content: Content) -> tuple[str, str]:
    """The verdict on one report in one sentence, Vietnamese and English."""
    rows, held = report.row_count, report.held_row_count
    title_vi = f" “{report.title_vi}”" if report.title_vi else ""
    title_en = f" “{report.title_en}”" if report.title_en else ""
    later_vi = " Bản gửi sau của báo cáo này đã thay thế bản này." if report.superseded else ""
    later_en = " A later revision counts instead." if report.superseded else ""
    if report.verdict == "rejected":
        counts_vi = f", trong {grouped(rows)} dòng có {grouped(held)} dòng phải sửa" if held else ""
        counts_en = f", {grouped(held, 1)} of {grouped(rows, 1)} rows must be corrected" if held else ""
        return (
            (
                f"KHÔNG ĐƯỢC CHẤP NHẬN: báo cáo{title_vi} bị từ chối{counts_vi}; hãy sửa theo danh sách dưới đây và gửi"
                f" lại.{later_vi}"
            ),
            (
                f"Rejected: the report{title_en} is refused{counts_en}; correct it as listed below and send it"
                f" again.{later_en}"
            ),
        )
    if report.verdict == "accepted":
        return (
            (
                f"ĐÃ ĐƯỢC CHẤP NHẬN: cả {grouped(rows)} dòng của báo cáo{title_vi} được nhận, không có gì phải"
                f" sửa.{later_vi}"
            ),
            f"Accepted: all {grouped(rows, 1)} rows of the report{title_en} are taken, nothing to correct.{later_en}",
        )
    held_vi = f"; {grouped(held)} dòng được giữ lại chờ sửa" if held else ""
    held_en = f"; {grouped(held, 1)} rows are held until corrected" if held else ""
    points = f"{grouped(content.count('critical'))} điểm phải sửa, {grouped(content.count('warning'))} điểm cần xem lại"
    points_en = f"{grouped(content.count('critical'), 1)} to correct, {grouped(content.count('warning'), 1)} to check"
    own = len(content.reports) == 1
    return (
        (
            f"ĐÃ ĐƯỢC CHẤP NHẬN, CÒN ĐIỂM CẦN {'SỬA' if held else 'XEM LẠI'}: {grouped(rows - held)} trong"
            f" {grouped(rows)} dòng của báo cáo{title_vi} được nhận{held_vi}{f' ({points})' if own else ''}.{later_vi}"
        ),
        (
            f"Accepted with findings: {grouped(rows - held, 1)} of {grouped(rows, 1)} rows of the report{title_en} are"
            f" taken{held_en}{f' ({points_en})' if own else ''}.{later_en}"
        ),
    )


def what_to_do(content: Content) -> tuple[str, str]:
    """The line below the verdict, where there is something to do."""
    if not content.points:
        return "", ""
    if not content.layout_kept:
        return (
            (
                "Tệp gốc không thể đánh dấu trực tiếp, nên các trang sau chỉ chép lại nội dung các ô. Hãy sửa trong"
                " tệp của mình rồi gửi lại."
            ),
            (
                "The file itself could not be marked; the sheets behind repeat its cells. Correct your own file and"
                " send it again."
            ),
        )
    return (
        (
            "Ô phải sửa được tô màu đỏ nhạt, ô cần xem lại màu vàng nhạt, mỗi ô có ghi chú. Hãy sửa ngay trong tệp này"
            " rồi gửi lại; không cần xóa trang “Cần sửa” và các ghi chú."
        ),
        (
            "Cells to correct are red, cells to check yellow, each with a note. Correct them here and send it again;"
            " this sheet and the notes may stay."
        ),
    )


def about(content: Content) -> str:
    """Who sent what, and when it came (in Vietnam's time)."""
    received = content.received_at.astimezone(_VIETNAM)
    parts = (
        ("Đơn vị gửi", content.sender_code or "(không rõ)"),
        ("Kỳ báo cáo", content.period_code or "(không rõ)"),
        ("Tệp", content.file_name),
        ("Nhận lúc", f"{received:%H:%M ngày %d/%m/%Y}"),
    )
    return "   ·   ".join(f"{name}: {value}" for name, value in parts)


def note_of(points: Sequence[Point]) -> Note:
    """The note of a cell: of each finding what is wrong, what was read, what is expected, an example, what to do."""
    note: list[Paragraph] = []
    for number, point in enumerate(points[:_MOST_IN_NOTE]):
        name = SEVERITY_NAMES[point.severity][0]
        note.append(Paragraph(("\n" if number else "") + f"{name.upper()} ({point.rule_id})", bold=True))
        note.append(Paragraph(clipped(point.message_vi)))
        if point.read is not None:
            note.append(Paragraph(f"Hệ thống đọc được: {clipped(point.read)}"))
        if point.expected and point.expected not in point.message_vi:
            note.append(Paragraph(f"Cần ghi: {clipped(point.expected)}"))
        if point.example and point.example not in point.message_vi + point.expected:
            note.append(Paragraph(f"Ví dụ: {point.example}"))
        if point.action_vi:
            note.append(Paragraph(f"Cách sửa: {point.action_vi}"))
        note.append(Paragraph(clipped(point.message_en), small=True))
    if (more := len(points) - _MOST_IN_NOTE) > 0:
        note.append(Paragraph(f"\n… còn {more} điểm khác, xem trang “Cần sửa”."))
    return tuple(note)


def example_of(column: Column) -> str:
    """A good value of a column as a sender would write it; '' where only the sender can know one."""
    if column.examples:
        return column.examples[0]
    if column.codes is not None:
        return column.codes.entries[0].label
    if column.type == "flag":
        return "x"
    if column.type == "date":
        return "31/12/2022"
    if column.type in ("integer", "decimal", "amount"):
        usual = {"integer": Decimal(4), "decimal": Decimal("12.5"), "amount": Decimal(1_250_000)}[column.type]
        low, high = column.minimum, column.maximum
        fits = (low is None or low <= usual) and (high is None or usual <= high)
        return shown(usual if fits else low if low is not None else high, 0)
    return ""


def clipped(text: str) -> str:
    """A text short enough to read in a cell; what is cut is told by its ellipsis."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"


def grouped(number: int, language: int = 0) -> str:
    """A count with its thousands grouped, as Vietnamese (0) or English (1) readers write it."""
    written = f"{number:,}"
    return written if language else written.replace(",", ".")


def worst(points: Sequence[Point]) -> Severity:
    """The worst severity of some findings."""
    return min((point.severity for point in points), key=SEVERITIES.index)


def written(value: object, column: Column) -> str:
    """A typed value as a sender would write it; codes by their names."""
    if isinstance(value, list):
        return "; ".join(written(item, column) for item in value)
    if isinstance(value, bool):
        return "x (có)" if value else "để trống (không)"
    if isinstance(value, int) and column.type in NUMERIC_TYPES:
        return shown(Decimal(value), 0)
    if column.codes is not None and isinstance(value, str):
        return column.codes.labels.get(value, value)
    return shown(value, 0)
