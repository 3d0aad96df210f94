"""Why a file cannot be read at all, in the sender's words."""


class UnreadableFileError(Exception):
    """The file cannot be read; the reason in Vietnamese and in English."""

    def __init__(self, reason_vi: str, reason_en: str) -> None:
        super().__init__(reason_en)
        self.reason_vi = reason_vi
        self.reason_en = reason_en


def unsupported(name: str) -> UnreadableFileError:
    """The file is of a format that is not read."""
    return UnreadableFileError(
        f"định dạng {name} không được hỗ trợ; hãy gửi xlsx, xlsm, xls, xlsb, ods, csv, json hoặc zip",
        f"format {name} is not supported; send xlsx, xlsm, xls, xlsb, ods, csv, json or zip",
    )


def damaged(detail: str, detail_en: str | None = None) -> UnreadableFileError:
    """The file is of a known format but broken."""
    return UnreadableFileError(f"tệp bị hỏng: {detail}", f"the file is damaged: {detail_en or detail}")


def not_opened(error: OSError) -> UnreadableFileError:
    """The file is gone, or may not be read, though it stood there."""
    return UnreadableFileError(
        f"không mở được tệp ({error.strerror}); lần sau sẽ đọc lại",
        f"the file cannot be opened ({error.strerror}); it is read again next time",
    )


def locked() -> UnreadableFileError:
    """The file asks for a password."""
    return UnreadableFileError("tệp được khóa bằng mật khẩu", "the file is locked by a password")


def too_many_cells(cells: int, limit: int) -> UnreadableFileError:
    """A sheet is larger than the limit."""
    return UnreadableFileError(
        f"vùng dữ liệu có {cells} ô, quá giới hạn {limit} ô; hãy xóa các hàng, cột thừa",
        f"the used range has {cells} cells, over the limit of {limit}; delete surplus rows and columns",
    )


def too_many_columns(columns: int, limit: int) -> UnreadableFileError:
    """A table is wider than the limit."""
    return UnreadableFileError(
        f"bảng có {columns} cột, quá giới hạn {limit}", f"a table has {columns} columns, over the limit of {limit}"
    )


def too_many_merged(areas: int, limit: int) -> UnreadableFileError:
    """A sheet has more merged areas than the limit."""
    return UnreadableFileError(
        f"trang tính có {areas} vùng gộp ô, quá giới hạn {limit}",
        f"a sheet has {areas} merged areas, over the limit of {limit}",
    )


def too_many_sheets(sheets: int, limit: int) -> UnreadableFileError:
    """A workbook has more sheets than the limit."""
    return UnreadableFileError(
        f"tệp có {sheets} trang tính, quá giới hạn {limit}", f"the file has {sheets} sheets, over the limit of {limit}"
    )
