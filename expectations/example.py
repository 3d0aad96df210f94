"""Examples of the rules (`expectations/examples`): rows that pass and rows that fail, tried on the real gate.

A file is `<RULE-ID>.yaml`, or `<RULE-ID>.<data set>.yaml` where a rule serves several data sets. Every rule has two
examples that pass and two that fail, a missing value and the boundary among them.

An example is one report. Its rows are given as `rows`, each laid over `base`, by raw column names and stored codes; or,
for what the reader judges, as `cells` of a sheet or `text` of a file that it is to read.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from ingestion.contract import load_contracts
from ingestion.period import Period
from ingestion.rule import load_rules
from ingestion.strict_yaml import DeclarationError, Strict, load_yaml, parse

EXAMPLES_DIR = Path(__file__).resolve().parent / "examples"
FIRST_ROW = 11  # row of the sheet in which the first of an example's rows stands
SHEET = "Biểu 01"
_DEFAULT_SENDERS = {"district": "huyen-220", "agency": "sldtbxh"}

Row = dict[str, Any]
Text = Annotated[str, Field(min_length=1)]


class Expected(Strict):
    """A finding that the rule must make: row of the example (1 the first; for `cells` of the sheet) and column.

    Both null for one about the whole report. `says` is a part of its Vietnamese message.
    """

    row: int | None
    column: str | None
    says: str | None = None


class Unread(Strict):
    """A cell that the reader could not read: null in the row, the text as sent here. `rule` is what it breaks."""

    row: int
    column: str
    value: str
    rule: str = "unreadable_cell"


class Given(Strict):
    """A report accepted before. `held` are rows (1 the first) that a critical finding holds."""

    dataset: Text
    period: Text
    rows: list[Row]
    sender: str | None = None
    standard: str | None = None
    held: list[int] = Field(default_factory=list)


class Example(Strict):
    """One report, and what the rule must find in it; nothing, for one that passes.

    `dataset`, `period`, `sender` and `standard` are the file's unless given; `given` comes after that of the file.
    `file` is the name of the file that `cells` or `text` are written to: its ending tells the format.
    """

    why: Text
    rows: list[Row] = Field(default_factory=list)
    cells: list[list[Any]] = Field(default_factory=list)
    text: str | None = None
    file: str = "report.xlsx"
    findings: list[Expected] = Field(default_factory=list)
    period: str | None = None
    sender: str | None = None
    standard: str | None = None
    layout: str = ""
    given: list[Given] = Field(default_factory=list)
    unread: list[Unread] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_kind_of_report(self) -> Self:
        if sum((bool(self.rows), bool(self.cells), self.text is not None)) != 1:
            raise ValueError("expected one of rows, cells and text")
        return self

    @property
    def is_read(self) -> bool:
        """Whether the reader judges it, from cells or text."""
        return not self.rows


class Examples(Strict):
    """The examples of one rule on one data set. `sender` is by default one who reports the data set."""

    rule: Text
    dataset: Text
    period: Text
    passes: Annotated[list[Example], Field(min_length=2)]
    fails: Annotated[list[Example], Field(min_length=2)]
    sender: str | None = None
    standard: str = ""
    base: Row = Field(default_factory=dict)
    given: list[Given] = Field(default_factory=list)

    @property
    def all(self) -> list[Example]:
        """Those that pass, then those that fail."""
        return [*self.passes, *self.fails]

    @property
    def default_sender(self) -> str:
        """Who sends the report where an example names nobody."""
        return self.sender or default_sender(self.dataset)


def default_sender(dataset: str) -> str:
    """A sender who reports the data set."""
    kind = load_contracts()[dataset].sender_kind
    return _DEFAULT_SENDERS.get(kind, kind.lower())


def examples_files() -> list[Path]:
    """Every file of examples, by name."""
    return sorted(EXAMPLES_DIR.iterdir())


def load_examples(path: Path) -> Examples:
    """The examples in a file. DeclarationError naming the file and what is wrong with it."""
    examples = parse(Examples, load_yaml(path), path.name)
    problems = [f"{path.name}: {problem}" for problem in _problems(path, examples)]
    if problems:
        raise DeclarationError("\n".join(problems))
    return examples


def _problems(path: Path, examples: Examples) -> list[str]:
    contracts, rule = load_contracts(), load_rules().get(examples.rule)
    if rule is None:
        return [f"rule: {examples.rule} is not in the catalogue"]
    if examples.dataset not in contracts or not {"*", examples.dataset} & set(rule.datasets):
        return [f"dataset: {examples.dataset} is none that {rule.id} judges"]
    problems = []
    if path.name not in (f"{rule.id}.yaml", f"{rule.id}.{examples.dataset}.yaml"):
        problems.append(f"expected the name {rule.id}.yaml or {rule.id}.{examples.dataset}.yaml")
    names = [example.why for example in examples.all]
    problems += [f"{why}: two examples of this name" for why in sorted({why for why in names if names.count(why) > 1})]
    for kind, expected in (("passes", False), ("fails", True)):
        problems += [
            f"{kind}[{example.why}]: expected {'' if expected else 'no '}findings"
            for example in getattr(examples, kind)
            if bool(example.findings) is not expected
        ]
    for example in examples.all:
        given = [*examples.given, *example.given]
        reports: Sequence[tuple[str, str, Sequence[Row]]] = [
            (examples.dataset, example.period or examples.period, [examples.base, *example.rows]),
            *((report.dataset, report.period, report.rows) for report in given),
        ]
        for dataset, period, rows in reports:
            problems += [f"{example.why}: {problem}" for problem in _report_problems(dataset, period, rows)]
        columns = {finding.column for finding in example.findings} | {cell.column for cell in example.unread}
        known = {column.name for column in contracts[examples.dataset].columns} | {None}
        problems += [f"{example.why}: unknown column {name}" for name in sorted(map(str, columns - known))]
        if not example.is_read:
            places = [finding.row for finding in example.findings] + [cell.row for cell in example.unread]
            problems += [
                f"{example.why}: there is no row {row}"
                for row in places
                if row and row not in range(1, len(example.rows) + 1)
            ]
    return problems


def _report_problems(dataset: str, period: str, rows: Sequence[Row]) -> list[str]:
    contract = load_contracts().get(dataset)
    if contract is None:
        return [f"unknown data set {dataset}"]
    problems = []
    try:
        Period.parse(period)
    except ValueError as error:
        problems.append(str(error))
    unknown = {name for row in rows for name in row} - {name for name, _ in contract.raw_columns()}
    problems += [f"raw.{dataset} has no column {name}" for name in sorted(unknown)]
    return problems


TODAY = date(2030, 1, 1)  # the day on which the reader reads an example
