"""The catalogue of rules (`rules.yaml`): what is judged, how hard, who acts, and what the sender is told."""

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from ingestion.finding import Severity
from ingestion.strict_yaml import DeclarationError, Strict, load_yaml, parse

RULES_FILE = Path(__file__).parent / "rules.yaml"

Level = Literal["cell", "row", "household", "file"]
Owner = Literal["sender", "standing_agency"]
Text = Annotated[str, Field(min_length=1, pattern=r"^\S(.*\S)?$")]


class RuleError(DeclarationError):
    """A rule is declared wrongly, or a message is asked for without what it must say."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `datasets` is ('*',) for a rule that judges every data set.

    `optional_severity` holds for a cell of a column that is not required. `owner` must act: `sender`, or
    `standing_agency` for what only the programme's standing agency can settle. `threshold` is the share (0-1) above
    which a rule of the whole file speaks. `compares` names the data sets with whose accepted rows, of the same year or
    earlier, the rule compares a report: when those change, the report is judged again. `placeholders` are the fields
    that its messages need.
    """

    id: str
    datasets: tuple[str, ...]
    level: Level
    severity: Severity
    optional_severity: Severity
    owner: Owner
    statement_vi: str
    statement_en: str
    action_vi: str
    action_en: str
    message_vi: str
    message_en: str
    placeholders: tuple[str, ...]
    threshold: Decimal | None = None
    compares: tuple[str, ...] = ()

    def severity_for(self, *, required: bool) -> Severity:
        """The severity for a cell of a required or of an optional column."""
        return self.severity if required else self.optional_severity

    def message(self, **fields: object) -> tuple[str, str]:
        """What the sender reads, Vietnamese and English. RuleError unless given exactly the rule's placeholders.

        A pair is (Vietnamese, English). A date is shown as dd/mm/yyyy, a Decimal in groups of thousands as each
        language writes them, None as empty; everything else as it is.
        """
        if fields.keys() != set(self.placeholders):
            expected = ", ".join(self.placeholders) or "nothing"
            raise RuleError(f"rule {self.id}: a message needs {expected}; got {', '.join(sorted(fields)) or 'nothing'}")
        vietnamese = {name: shown(value, 0) for name, value in fields.items()}
        english = {name: shown(value, 1) for name, value in fields.items()}
        return self.message_vi.format(**vietnamese), self.message_en.format(**english)


def shown(value: object, language: Literal[0, 1]) -> str:
    """A value as a message shows it, in Vietnamese (0) or English (1)."""
    if isinstance(value, tuple):
        return shown(value[language], language)
    if value is None:
        return ("(trống)", "(empty)")[language]
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    if isinstance(value, Decimal):
        number = f"{value:,f}"
        return number if language == 1 else number.translate(str.maketrans(",.", ".,"))
    return str(value)


class _Declared(Strict):
    id: Annotated[str, Field(pattern=r"^([a-z]+(_[a-z]+)*|[A-Z]{2}-[0-9]{2})$")]
    datasets: Annotated[list[Annotated[str, Field(pattern=r"^(\*|[a-z]+(_[a-z]+)*)$")]], Field(min_length=1)]
    level: Level
    severity: Severity
    optional_severity: Severity | None = None
    owner: Owner
    threshold_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    compares: list[Annotated[str, Field(pattern=r"^[a-z]+(_[a-z]+)*$")]] = Field(default_factory=list)
    statement_vi: Text
    statement_en: Text
    action_vi: Text
    action_en: Text
    message_vi: Text
    message_en: Text
    placeholders: list[Annotated[str, Field(pattern=r"^[a-z]+(_[a-z]+)*$")]]


class _Catalogue(Strict):
    rules: Annotated[list[_Declared], Field(min_length=1)]


def load_rules(path: Path = RULES_FILE) -> Mapping[str, Rule]:
    """Every rule by its id, in the order of the catalogue. RuleError naming file, rule and what is expected."""
    return _load(path)


def compared_with(dataset: str) -> frozenset[str]:
    """Data sets with whose accepted rows the rules of this data set compare its reports."""
    return frozenset(other for rule in load_rules().values() if dataset in rule.datasets for other in rule.compares)


def in_order_of_judging(datasets: Iterable[str]) -> list[str]:
    """The data sets, each behind those that its rules compare it with as far as they do not compare back."""
    ordered: list[str] = []
    entered: set[str] = set()

    def enter(dataset: str) -> None:
        if dataset not in entered:
            entered.add(dataset)
            for other in sorted(compared_with(dataset)):
                enter(other)
            ordered.append(dataset)

    wanted = sorted(datasets)
    for dataset in wanted:
        enter(dataset)
    return [dataset for dataset in ordered if dataset in wanted]


@lru_cache(maxsize=8)
def _load(path: Path) -> Mapping[str, Rule]:
    try:
        catalogue = parse(_Catalogue, load_yaml(path), path.name)
    except DeclarationError as error:
        raise RuleError(str(error)) from None
    rules: dict[str, Rule] = {}
    problems: list[str] = []
    for declared in catalogue.rules:
        where = f"{path.name}: rules[{declared.id}]"
        if declared.id in rules:
            problems.append(f"{where}: a rule of this id stands already in the catalogue")
        if len(set(declared.datasets)) < len(declared.datasets) or ("*" in declared.datasets and declared.datasets[1:]):
            problems.append(f"{where}.datasets: expected '*' alone, or each data set once")
        if declared.optional_severity and declared.level != "cell":
            problems.append(f"{where}.optional_severity: only for a rule of a cell")
        problems += [f"{where}.{problem}" for problem in _template_problems(declared)]
        rules[declared.id] = Rule(
            id=declared.id,
            datasets=tuple(declared.datasets),
            level=declared.level,
            severity=declared.severity,
            optional_severity=declared.optional_severity or declared.severity,
            owner=declared.owner,
            statement_vi=declared.statement_vi,
            statement_en=declared.statement_en,
            action_vi=declared.action_vi,
            action_en=declared.action_en,
            message_vi=declared.message_vi,
            message_en=declared.message_en,
            placeholders=tuple(declared.placeholders),
            threshold=None if declared.threshold_percent is None else Decimal(declared.threshold_percent) / 100,
            compares=tuple(declared.compares),
        )
    if problems:
        raise RuleError("\n".join(problems))
    return MappingProxyType(rules)


def _template_problems(declared: _Declared) -> list[str]:
    """Both messages use exactly the declared placeholders, by plain name."""
    problems = []
    for key in ("message_vi", "message_en"):
        try:
            parts = list(string.Formatter().parse(getattr(declared, key)))
        except ValueError as error:
            problems.append(f"{key}: not a template: {error}")
            continue
        used = {name for _, name, _, _ in parts if name is not None}
        if used != set(declared.placeholders):
            problems.append(f"{key}: uses {sorted(used)}, expected the placeholders {sorted(declared.placeholders)}")
        if any(spec or conversion for _, _, spec, conversion in parts):
            problems.append(f"{key}: expected plain {{name}} without format or conversion")
    return problems
