"""How the first sheet of an answer is told from a sender's own: by its name and the mark in its first cell.

A corrected answer is sent back with that sheet still in it; the reader skips it, and a next answer replaces it.
"""

from ingestion.reading.sheet import Sheet

FIRST_SHEET = "Cần sửa"
MARK = "Phiếu trả lời báo cáo của hệ thống Chung Tay"
"""The start of the sheet's first cell, A1."""


def is_answer_sheet(sheet: Sheet) -> bool:
    """Whether this is the first sheet of one of our answers, however many times it was saved since.

    The name may have been given a number by a program that had one of this name already: `Cần sửa (2)`.
    """
    if not sheet.name.startswith(FIRST_SHEET) or sheet.first_column or not sheet.height:
        return False
    return (sheet.columns[0].at(0) or "").startswith(MARK)
