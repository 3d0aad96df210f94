"""Read: one received file into the reports that it holds, each with its rows, typed by the contract of its data set.

Nothing raises for bad input: a defect of a whole file or report is a finding, a cell that cannot be read is a row of
`Report.unread`. A rejected report carries no rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.answering.marker import is_answer_sheet
from ingestion.contract import Contract, load_contracts
from ingestion.finding import Finding
from ingestion.period import Period
from ingestion.place import DISTRICTS_END, AdminUnit, Area, communes_in, districts_in, province_of, sender_unit
from ingestion.reading.layout import Layout, heading_key, looks_like_table, recognise
from ingestion.reading.rows import NO_AREA, classify
from ingestion.reading.sheet import Sheet
from ingestion.reading.table import DTYPES, POSITION_SCHEMA, UNREAD_SCHEMA, Table
from ingestion.reading.unreadable import UnreadableFileError
from ingestion.reading.workbook import read_sheets
from ingestion.recount import Counted, Recount, recount
from ingestion.reporting_calendar import opens_on
from ingestion.rule import load_rules
from ingestion.settings import get_settings
from ingestion.text import fold


@dataclass
class Report:
    """One report found in a file, or (`dataset` None) a file or sheet in which none was recognised.

    `rows` has the columns of `Contract.raw_columns()` without submission_id; `unread` those of `raw.unread_cell` and
    `positions` those of `raw.column_position` without submission_id and dataset. `period_end` is None for what is no
    period, `standard_code` the poverty standard of the layout or ''. `layout` is the id of the further layout that the
    sheets have, '' for the data set's own. `other_row_count` counts the filled rows of the sheets that are no data
    rows: letterhead, headings, sections, sums, footers. Unless the report is rejected, every filled row of its sheets
    is in `row_count` or in `other_row_count`.
    """

    dataset: str | None
    sheet_names: list[str]
    period_code: str
    period_end: date | None
    standard_code: str = ""
    layout: str = ""
    contract_version: str | None = None
    other_row_count: int = 0
    rows: pl.DataFrame = field(default_factory=pl.DataFrame)
    unread: pl.DataFrame = field(default_factory=UNREAD_SCHEMA.to_frame)
    positions: pl.DataFrame = field(default_factory=POSITION_SCHEMA.to_frame)
    findings: list[Finding] = field(default_factory=list)
    recount: Recount | None = None

    @property
    def row_count(self) -> int:
        """Data rows: no heading, section, subtotal or total."""
        return self.rows.height

    @property
    def is_rejected(self) -> bool:
        """Whether a finding refuses the report as a whole."""
        return any(finding.severity == "reject" for finding in self.findings)


def read_file(
    path: Path,
    *,
    sender_code: str,
    period_code: str,
    province: str | None = None,
    today: date | None = None,
) -> list[Report]:
    """Every report in a file, in the order of its sheets; at least one. Never raises for bad input.

    `province` is the official code of the province that the warehouse serves, where communes are looked up for senders
    that are no district; `today` the day of reading, after which no period may end. Names of files and sheets tell
    nothing.
    """
    try:
        period: Period | None = Period.parse(period_code)
    except ValueError:
        period = None
    reader = _Reader(path, sender_code, period_code, period, province, today or date.today())  # noqa: DTZ011
    try:
        sheets = read_sheets(path, get_settings())
    except UnreadableFileError as error:
        return [unreadable(period_code, error)]
    return reader.reports(sheets)


def unreadable(period_code: str, error: UnreadableFileError) -> Report:
    """What stands for a file that cannot be read."""
    try:
        period_end = Period.parse(period_code).end
    except ValueError:
        period_end = None
    finding = _finding("unreadable_file", reason=(error.reason_vi, error.reason_en))
    return Report(dataset=None, sheet_names=[], period_code=period_code, period_end=period_end, findings=[finding])


def _finding(rule_id: str, place: Mapping[str, Any] | None = None, /, **fields: Any) -> Finding:
    """A finding of a rule; a field may be a pair of what stands in the Vietnamese and in the English message."""
    rule = load_rules()[rule_id]
    in_language = [
        {name: value[language] if isinstance(value, tuple) else value for name, value in fields.items()}
        for language in (0, 1)
    ]
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        message_vi=rule.message(**in_language[0])[0],
        message_en=rule.message(**in_language[1])[1],
        **(place or {}),
    )


@dataclass(frozen=True)
class _Reader:
    path: Path
    sender_code: str
    period_code: str
    period: Period | None
    province: str | None
    today: date

    def reports(self, sheets: Sequence[Sheet]) -> list[Report]:
        sheets = [sheet for sheet in sheets if not is_answer_sheet(sheet)]
        visible = [sheet for sheet in sheets if not sheet.hidden]
        found = self._recognised(visible) or self._recognised([sheet for sheet in sheets if sheet.hidden])
        by_report: dict[tuple[str, str], list[tuple[Sheet, Layout]]] = {}
        reports: list[Report | tuple[str, str]] = []
        for sheet, layout, refusal in found:
            if layout is None:
                reports.append(self.refused([sheet.name], refusal))
                continue
            key = layout.contract.dataset, layout.standard_code
            if key not in by_report:
                reports.append(key)
            by_report.setdefault(key, []).append((sheet, layout))
        if not reports:
            reason = ("tệp không có bảng số liệu nào", "the file holds no table")
            return [self.refused([], _finding("not_recognised", reason=reason))]
        return [item if isinstance(item, Report) else self._report(by_report[item]) for item in reports]

    def _recognised(self, sheets: Sequence[Sheet]) -> list[tuple[Sheet, Layout | None, Finding | None]]:
        """Each sheet with its layout, or with why it has none; sheets that are no tables are left out."""
        found: list[tuple[Sheet, Layout | None, Finding | None]] = []
        for sheet in sheets:
            recognition = recognise(sheet, load_contracts().values(), self.period)
            if recognition.layout is not None:
                found.append((sheet, recognition.layout, None))
            elif looks_like_table(sheet):
                titles = [contract.title_vi for contract in recognition.rivals]
                reason = (
                    (f"khớp với nhiều biểu mẫu: {', '.join(titles)}", f"it matches several forms: {', '.join(titles)}")
                    if titles
                    else (
                        "tiêu đề các cột không khớp với biểu mẫu nào",
                        "the headings of its columns match no form",
                    )
                )
                found.append(
                    (sheet, None, _finding("not_recognised", {"sheet_name": sheet.name or None}, reason=reason))
                )
        return found

    def refused(self, sheet_names: list[str], *findings: Finding | None) -> Report:
        return Report(
            dataset=None,
            sheet_names=sheet_names,
            period_code=self.period_code,
            period_end=self.period.end if self.period else None,
            findings=[finding for finding in findings if finding],
        )

    def _report(self, parts: list[tuple[Sheet, Layout]]) -> Report:
        contract, standard = parts[0][1].contract, parts[0][1].standard_code
        report = Report(
            dataset=contract.dataset,
            sheet_names=[sheet.name for sheet, _ in parts],
            period_code=self.period_code,
            period_end=self.period.end if self.period else None,
            standard_code=standard,
            layout=parts[0][1].form.id if len({layout.form.id for _, layout in parts}) == 1 else "",
            contract_version=contract.version,
            rows=_empty_rows(contract),
        )
        report.findings += self._period_findings(contract, parts)
        if finding := self._sender_finding(contract):
            report.findings.append(finding)
        communes, districts = self._area(contract), self._districts()
        tables = [
            Table(sheet, layout, classify(sheet, layout, communes, districts), communes, districts)
            for sheet, layout in parts
        ]
        for table in tables:
            report.findings += _heading_findings(table)
            report.other_row_count += int(table.sheet.filled_rows().sum()) - len(table.kinds.data)
        # without a column that tells data rows there may be some
        if not report.is_rejected and not any(len(table.kinds.data) for table in tables):
            report.findings.append(_finding("no_rows", dataset=contract.title_vi))
        if report.is_rejected or self.period is None:
            return report
        report.findings += [finding for table in tables for finding in _table_findings(table)]
        report.rows = pl.concat([table.frame() for table in tables], how="vertical_relaxed")
        report.unread = pl.concat([table.unread() for table in tables])
        report.positions = pl.concat([table.positions() for table in tables])
        report.recount = recount(self.path, [_to_count(table) for table in tables])
        return report

    # --- who, and when ---

    def _period_findings(self, contract: Contract, parts: Iterable[tuple[Sheet, Layout]]) -> list[Finding]:
        def wrong(reason_vi: str, reason_en: str, sheet: Sheet | None = None) -> Finding:
            place = {"sheet_name": sheet.name or None} if sheet else None
            return _finding("wrong_period", place, period=self.period_code, reason=(reason_vi, reason_en))

        period = self.period
        if period is None:
            return [
                wrong(
                    "mã kỳ phải như 2022, 2022-S1 hoặc 2022-Q3",
                    "a period is written as 2022, 2022-S1 or 2022-Q3",
                )
            ]
        found = []
        if period.cadence != contract.cadence:
            vi, en = _CADENCES[contract.cadence]
            found.append(wrong(f"báo cáo này lập {vi}", f"this report is made {en}"))
        if (opens := opens_on(contract.dataset, period)) > self.today:
            found.append(
                wrong(
                    f"báo cáo của kỳ này nhận từ ngày {opens:%d/%m/%Y}, chưa đến",
                    f"its reports may be sent from {opens} on, later than today",
                )
            )
        if contract.standards and not contract.layouts(period):
            found.append(
                wrong("không có chuẩn nghèo nào áp dụng cho năm này", "no poverty standard holds for that year")
            )
        for sheet, layout in parts:
            named = [(line, code) for line in layout.above if (code := _period_named(line))]
            if named and not any(_covers(code, period) for _, code in named):
                line, code = named[0]
                found.append(
                    wrong(
                        f"tiêu đề trong tệp ghi “{' '.join(line.split())}”, tức kỳ {code}",
                        f"the title inside the file says {code}",
                        sheet,
                    )
                )
        return found

    def _sender_finding(self, contract: Contract) -> Finding | None:
        period = self.period
        if self.sender_code:
            if period is None:  # who sends what depends on the day
                return None
            known = contract.sender_kind != "district" or sender_unit(self.sender_code, period.end) is not None
            if known and contract.may_send(self.sender_code, period):
                return None
        if contract.sender_kind == "district":
            expected = (
                ("huyện (thư mục huyen-<mã huyện>)", "districts (folder huyen-<district code>)")
                if period is None or period.end <= DISTRICTS_END
                else ("xã (thư mục xa-<mã xã>)", "communes (folder xa-<commune code>)")
            )
        elif contract.sender_kind == "agency":
            expected = ("các sở, ngành", "agencies of the province")
        else:
            expected = (contract.sender_kind, contract.sender_kind)
        return _finding(
            "wrong_sender", sender=self.sender_code or _NO_FOLDER, dataset=contract.title_vi, expected=expected
        )

    # --- where ---

    def _area(self, contract: Contract) -> Area:
        """The communes among which names are looked up: those of the sender, or of the province, or of the nation; none
        without a day."""
        if self.period is None:
            return NO_AREA
        sender = sender_unit(self.sender_code, self.period.end)
        if sender is not None and contract.sender_kind == "district":
            return communes_in(sender.code, self.period.end)
        return communes_in(self._province(sender), self.period.end)

    def _districts(self) -> Area:
        if self.period is None:
            return NO_AREA
        return districts_in(self._province(sender_unit(self.sender_code, self.period.end)), self.period.end)

    def _province(self, sender: AdminUnit | None) -> str | None:
        if self.province or sender is None or self.period is None:
            return self.province
        return province_of(sender, self.period.end)


_NO_FOLDER = ("(tệp không nằm trong thư mục của đơn vị nào)", "(the file lies in no sender's folder)")
_CADENCES = {
    "A": ("mỗi năm một lần", "once a year"),
    "S": ("sáu tháng một lần", "every half year"),
    "Q": ("mỗi quý một lần", "every quarter"),
}
_QUOTED = ("(kèm", "kèm theo", "căn cứ", "theo ", "quyết định", "(ban hành", "ban hành")


def _period_named(line: str) -> str | None:
    """The period that a line of the title names; not the year of a decision that it quotes."""
    return None if fold(line).startswith(_QUOTED) else Period.from_title(line)


def _covers(code: str, period: Period) -> bool:
    named = Period.parse(code)
    return named.start <= period.start and period.end <= named.end


def _to_count(table: Table) -> Counted:
    """What the second count is told of a sheet."""
    sheet = table.sheet
    passed_over: dict[str, set[int]] = {}
    for row_number, column_name in table.unread().select("row_number", "column_name").iter_rows():
        passed_over.setdefault(column_name, set()).add(row_number)
    return Counted(
        sheet_name=sheet.name,
        width=len(sheet.columns),
        has_errors=bool(sheet.broken),
        data_rows=table.row_numbers.to_list(),
        amounts={
            placed.column.name: (placed.index + sheet.first_column, placed.factor)
            for placed in table.layout.placed
            if placed.column.type == "amount" and placed.column.name not in table.layout.form.carried_down
        },
        passed_over=passed_over,
    )


def _heading_findings(table: Table) -> list[Finding]:
    sheet, layout = table.sheet, table.layout
    row_number = int(sheet.row_numbers[layout.heading_rows[-1]]) or None
    place = {"sheet_name": sheet.name or None, "row_number": row_number}
    dataset = layout.contract.title_vi
    found = [_finding("missing_column", place, dataset=dataset, column=column.heading) for column in table.missing()]
    twins = {heading_key(placed.heading): sheet.letter(placed.index) for placed in layout.placed}
    for index, heading in layout.unknown:
        cell = sheet.address(row_number, index) if row_number else None
        shown = heading, heading
        if twin := twins.get(heading_key(heading)):
            shown = f"{heading} (lặp lại, đã có ở cột {twin})", f"{heading} (again; it stands in column {twin})"
        found.append(_finding("unknown_heading", {**place, "cell": cell, "value": heading}, heading=shown))
    return found


def _table_findings(table: Table) -> list[Finding]:
    sheet, found = table.sheet, []
    heading_row = int(sheet.row_numbers[table.layout.heading_rows[-1]])
    for index in table.nameless():
        heading = f"cột {sheet.letter(index)}", f"column {sheet.letter(index)}"
        cell = sheet.address(heading_row, index)
        found.append(_finding("unknown_heading", {"sheet_name": sheet.name or None, "cell": cell}, heading=heading))
    labels = {sums.row: sums.label for sums in table.kinds.sums}
    rule = "RM-06" if "RM-06" in table.layout.contract.rules else "total_mismatch"
    for mismatch in table.mismatches():
        placed = next(placed for placed in table.layout.placed if placed.column.name == mismatch.column)
        fields: dict[str, Any] = {"column": placed.column.heading, "value": _in_words(mismatch.stated)}
        fields |= {"expected": _in_words(mismatch.counted)} | (
            {"label": labels[mismatch.row]} if rule == "RM-06" else {}
        )
        found.append(_finding(rule, _place(sheet, mismatch.row, placed.index, mismatch.column), **fields))
    for wrong in table.wrong_rates():
        expected = ("để trống", "blank") if wrong.expected is None else _in_words(wrong.expected)
        place = _place(sheet, wrong.row, wrong.index)
        found.append(_finding("RM-05", place, column=wrong.heading, value=wrong.stated, expected=expected))
    return found


def _place(sheet: Sheet, row: int, column: int, name: str | None = None) -> dict[str, Any]:
    """Where a finding stands: by the indices of its cell, and the column of the contract that is there."""
    row_number = int(sheet.row_numbers[row])
    return {
        "sheet_name": sheet.name or None,
        "row_number": row_number,
        "column_name": name,
        "cell": sheet.address(row_number, column),
        "value": sheet.columns[column].at(row),
    }


def _in_words(value: Decimal) -> tuple[str, str]:
    """A number as a Vietnamese and as an English reader writes it."""
    english = f"{value:,f}"
    return english.translate(str.maketrans(",.", ".,")), english


def _empty_rows(contract: Contract) -> pl.DataFrame:
    schema: dict[str, Any] = {"sheet_name": pl.String(), "row_number": pl.Int32()}
    return pl.DataFrame(schema=schema | {column.name: DTYPES[column.type] for column in contract.columns})
