"""What is wrong with a report: the one shape in which every part of the system says so."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["reject", "critical", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect, placed where the sender sees it.

    `row_number` is that of the sheet (1 = first line), `cell` its A1 address; both are None for a defect of the whole
    file. `value` is the text as sent. Severity `reject` refuses the report, `critical` holds the row, `warning` does
    neither.
    """

    rule: str
    severity: Severity
    message_vi: str
    message_en: str
    sheet_name: str | None = None
    row_number: int | None = None
    column_name: str | None = None
    cell: str | None = None
    value: str | None = None
