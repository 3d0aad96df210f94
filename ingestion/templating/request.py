"""Who asks for which blank report: checked once, then what every part of the workbook needs to know."""

from dataclasses import dataclass
from datetime import date

from ingestion.code_list import load_code_list
from ingestion.contract import Contract, load_contracts
from ingestion.period import Cadence, Period
from ingestion.place import AdminUnit, communes_in, find_unit, sender_unit
from ingestion.reporting_calendar import due_on

_CADENCES: dict[Cadence, str] = {"A": "2022", "S": "2022-S1", "Q": "2022-Q3"}
_QUARTERS = {"1": "I", "2": "II", "3": "III", "4": "IV"}


class TemplateError(ValueError):
    """No such template can be made; the message says why."""


@dataclass(frozen=True)
class Request:
    """A blank report of one data set for one sender and period. `unit` is the sender's district or commune, or None.

    `communes` are those that the report may name, in the order of their codes; none where the province is not known.
    """

    contract: Contract
    period: Period
    sender_code: str
    sender_name: str
    unit: AdminUnit | None
    communes: tuple[AdminUnit, ...]

    @property
    def period_title(self) -> str:
        """How a report says its period."""
        year, number = self.period.year, self.period.code[-1]
        if self.period.cadence == "A":
            return f"Năm {year}"
        if self.period.cadence == "S":
            return f"Kỳ báo cáo: 6 tháng {'đầu' if number == '1' else 'cuối'} năm {year}"
        return f"Kỳ báo cáo: Quý {_QUARTERS[number]} năm {year}"

    @property
    def due_on(self) -> date:
        """The last day on which the report is on time."""
        return due_on(self.contract.dataset, self.period)

    def commune_names(self) -> dict[str, str]:
        """The name of each commune by its code; with its district where another commune has the same."""
        names = [unit.name for unit in self.communes]
        shown = {}
        for unit in self.communes:
            district = find_unit("district", unit.parent_code, self.period.end)
            twin = names.count(unit.name) > 1 and district is not None
            shown[unit.code] = f"{unit.name}, {district.name}" if twin and district else unit.name
        return shown


def make_request(dataset: str, sender_code: str, period_code: str, province: str | None) -> Request:
    """The request of these words; `province` is that of the home, for agencies. TemplateError for what cannot be."""
    contract = load_contracts().get(dataset)
    if contract is None:
        raise TemplateError(f"no data set {dataset!r}; the data sets are {', '.join(load_contracts())}")
    try:
        period = Period.parse(period_code)
    except ValueError as error:
        raise TemplateError(str(error)) from None
    if period.cadence != contract.cadence:
        raise TemplateError(f"{dataset} is not reported for {period_code}; expected like {_CADENCES[contract.cadence]}")
    if contract.standards and not contract.layouts(period):
        raise TemplateError(f"no poverty standard holds in {period_code}")
    unit = sender_unit(sender_code, period.end)
    if not contract.may_send(sender_code, period) or (contract.sender_kind == "district" and unit is None):
        raise TemplateError(f"{sender_code} does not report {dataset} for {period_code}")
    area = unit.code if unit else province
    communes = communes_in(area, period.end).units if area else ()
    return Request(
        contract=contract,
        period=period,
        sender_code=sender_code,
        sender_name=unit.name if unit else load_code_list("agency").labels[sender_code.upper()],
        unit=unit,
        communes=tuple(sorted(communes, key=lambda commune: commune.code)),
    )
