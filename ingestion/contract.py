"""Contracts of the data sets: Open Data Contract Standard documents (`contracts/*.yaml`), read strictly.

A contract is the one home of what a report is: its columns with their Vietnamese headings, types, units, codes and
bounds, its key, its sender, its cadence and the rules that judge it. The raw table, the reading of files, the base
expectations and the data dictionary follow from it. Everything is checked here, before any data arrives.
"""

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from open_data_contract_standard.model import OpenDataContractStandard
from psycopg import sql

from ingestion.code_list import Code, CodeList, CodeListError, load_code_list
from ingestion.contract_document import CheckedRate, CodeByColumn, Document, FormProperties, Place, Property
from ingestion.period import Cadence, Period
from ingestion.place import DISTRICTS_END
from ingestion.rule import Rule, load_rules, shown
from ingestion.settings import REFERENCE_DIR
from ingestion.strict_yaml import DeclarationError, load_yaml, parse
from ingestion.text import fold, without_accents

CONTRACTS_DIR = Path(__file__).parent / "contracts"

ColumnType = Literal["text", "integer", "decimal", "amount", "date", "flag", "code", "code_list"]
SQL_TYPES: Mapping[ColumnType, str] = MappingProxyType(
    {
        "text": "text",
        "integer": "bigint",
        "decimal": "numeric",
        "amount": "numeric",
        "date": "date",
        "flag": "boolean",
        "code": "text",
        "code_list": "text[]",
    }
)
NUMERIC_TYPES: frozenset[ColumnType] = frozenset({"integer", "decimal", "amount"})
ROW_COLUMNS = (("submission_id", "bigint"), ("sheet_name", "text"), ("row_number", "integer"))
"""What each raw row carries before the contract's columns, and its primary key: where it came from."""

MOST_CODES_SHOWN = 12
"""A longer code list is cut after so many names where a sender is told what is expected."""


class ContractError(DeclarationError):
    """A contract is wrong: file, path of the key, and what is expected, one problem a line."""


@dataclass(frozen=True)
class Column:
    """One column of a data set, as it is declared.

    `required` means that it must stand in the file and, but for a flag, that each cell must be filled. `minimum` and
    `maximum` are inclusive; `at_most` names the column of the whole of which this one is a part. `code_list` names the
    list of `codes`: one of the reference lists, or `<dataset>.<column>` for a list that stands in the contract itself.
    A derived column stands in no file: `derived_from` says from what it is filled. A date with `partial_date` may be a
    bare month or year. `place` says that the column is the code or the name of a commune, resolved by area and day.
    The headings of a column of deprivation differ between poverty standards; `heading` is that of the latest.
    """

    name: str
    heading: str
    type: ColumnType
    description: str
    unit: str | None = None
    required: bool = False
    key: bool = False
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    pattern: str | None = None
    examples: tuple[str, ...] = ()
    code_list: str | None = None
    codes: CodeList | None = None
    personal: bool = False
    derived_from: tuple[str, ...] = ()
    partial_date: bool = False
    place: Place | None = None
    synonyms: tuple[str, ...] = ()
    at_most: str | None = None
    deprivation: str | None = None
    standard_headings: Mapping[str, str] = field(default_factory=dict, hash=False)
    standard_numbers: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def derived(self) -> bool:
        """True for a column that no sender sends."""
        return bool(self.derived_from)

    @property
    def sql_type(self) -> str:
        """PostgreSQL type in the raw table."""
        return SQL_TYPES[self.type]

    @property
    def headings(self) -> tuple[str, ...]:
        """Every heading under which the column may stand, the preferred first; none for a derived column.

        Where two columns of a sheet answer to one column of the contract, the one whose heading comes first here is
        meant.
        """
        if self.derived:
            return ()
        return tuple(dict.fromkeys((self.heading, *self.standard_headings.values(), self.name, *self.synonyms)))

    @property
    def expected(self) -> tuple[str, str]:
        """What a cell should hold, Vietnamese and English, to follow `Cần ghi` and `Expected`."""
        return _expected(self)

    def stands_in(self, standard_code: str) -> bool:
        """Whether a report under this poverty standard has the column ('' where none enters)."""
        return self.deprivation is None or standard_code in self.standard_headings

    def number_in(self, standard_code: str) -> int | None:
        """The number that a column of deprivation has in this poverty standard: 1, 2, … as forms print it."""
        return self.standard_numbers.get(standard_code)


def _expected(column: Column) -> tuple[str, str]:
    if column.codes is not None:
        return _expected_code(column.codes, several=column.type == "code_list")
    if column.type == "flag":
        return "x nếu có, để trống nếu không", "x for yes, nothing for no"
    if column.type == "date":
        also_vi, also_en = (", hoặc chỉ năm", ", or the year alone") if column.partial_date else ("", "")
        return (
            f"ngày dạng ngày/tháng/năm, ví dụ 31/12/2022{also_vi}",
            f"a date as day/month/year, such as 31/12/2022{also_en}",
        )
    if column.type == "text":
        if not column.examples:
            return "nội dung bằng chữ", "a text"
        quoted = [f"“{example}”" for example in column.examples]
        return f"theo dạng {' hoặc '.join(quoted)}", f"the form {' or '.join(quoted)}"
    return _expected_number(column)


def _expected_code(codes: CodeList, *, several: bool) -> tuple[str, str]:
    shown = [f"“{entry.label}”" for entry in codes.entries[:MOST_CODES_SHOWN]]
    rest = len(codes.entries) - len(shown)
    labels = ", ".join(shown)
    more_vi, more_en = (f"… (còn {rest} giá trị khác)", f"… (and {rest} more)") if rest else ("", "")
    if several:
        return (
            f"các giá trị trong danh mục, cách nhau bằng dấu chấm phẩy: {labels}{more_vi}",
            f"values of the list, separated by semicolons: {labels}{more_en}",
        )
    return f"một trong các giá trị: {labels}{more_vi}", f"one of {labels}{more_en}"


def _expected_number(column: Column) -> tuple[str, str]:
    low, high = column.minimum, column.maximum
    kinds = {"integer": ("một số nguyên", "a whole number"), "decimal": ("một số", "a number")}
    vietnamese, english = kinds.get(column.type, ("một số tiền", "an amount"))
    money = (" đồng", " VND") if column.type == "amount" else ("", "")
    if low is not None and high is not None:
        vietnamese += f" từ {shown(low, 0)} đến {shown(high, 0)}{money[0]}"
        english += f" from {shown(low, 1)} to {shown(high, 1)}{money[1]}"
    elif low is not None:
        vietnamese += f" từ {shown(low, 0)}{money[0]} trở lên"
        english += f" of at least {shown(low, 1)}{money[1]}"
    elif high is not None:
        vietnamese += f" không quá {shown(high, 0)}{money[0]}"
        english += f" of at most {shown(high, 1)}{money[1]}"
    return vietnamese, english


@dataclass(frozen=True)
class Form:
    """A form in which the reports of a data set come; its own has the id ''.

    `headings` are those that a column has in this form, beside its own; in a further layout they name every column that
    is looked for. `required` are the columns that each report in this form has. `not_loaded` are headings of columns
    that are known and mean nothing here. `carried_down` gives columns written once over rows that differ in another
    column. `commune_from` names a column that begins with the code of the commune. `added_up` gives columns told as the
    sum of several, by the headings of each; a row in which all of `sums_lack` are empty gives sums.

    A heading that ends in `…` stands for all that begin so.
    """

    id: str
    columns: frozenset[str]
    required: frozenset[str]
    headings: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    not_loaded: tuple[str, ...] = ()
    carried_down: Mapping[str, str] = field(default_factory=dict, hash=False)
    checked_rates: tuple[CheckedRate, ...] = field(default=(), hash=False)
    code_by_column: CodeByColumn | None = field(default=None, hash=False)
    commune_from: str | None = None
    added_up: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict, hash=False)
    sums_lack: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Contract:
    """What a data set is. `grain` and `title_en` are English, `title_vi` is the title that reports carry.

    `sender_kind` is `district` (from 1 July 2025 its communes), `agency` (any) or the code of one agency.
    `one_of` lists groups of columns of which each row must fill at least one. `rules` are the ids of the rules made for
    this data set; those made for every data set are not repeated. With `standard_in_title` only the title of a report
    tells its poverty standard, where its year stands under two.
    `forms` are its own form and, behind it, its further layouts.
    """

    dataset: str
    version: str
    title_vi: str
    title_en: str
    description: str
    grain: str
    sender_kind: str
    cadence: Cadence
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    rules: tuple[str, ...]
    laws: tuple[str, ...]
    one_of: tuple[tuple[str, ...], ...] = ()
    deprivation_group_headings: tuple[str, ...] = ()
    standards: tuple["PovertyStandard", ...] = ()
    standard_in_title: bool = False
    forms: tuple[Form, ...] = ()

    @cached_property
    def _columns(self) -> Mapping[str, Column]:
        return {column.name: column for column in self.columns}

    def column(self, name: str) -> Column:
        """The column of this name; KeyError where there is none."""
        return self._columns[name]

    def form(self, layout: str) -> Form:
        """The form of this id ('' for the data set's own); KeyError where there is none."""
        for form in self.forms:
            if form.id == layout:
                return form
        raise KeyError(layout)

    def layout_columns(self, layout: str) -> frozenset[str]:
        """Names of the columns that a report in this layout has, so that an empty cell there is a missing one.

        In the data set's own layout those are all columns, in a further one those which it requires.
        """
        form = self.form(layout)
        return form.required if form.id else form.columns

    def columns_for(self, standard_code: str) -> tuple[Column, ...]:
        """The columns of a report under this poverty standard ('' for a data set without), in contract order."""
        return tuple(column for column in self.columns if column.stands_in(standard_code))

    def layouts(self, period: Period) -> Mapping[str, tuple[Column, ...]]:
        """The columns that a report of this period may have, by the poverty standard that it may stand under.

        A data set that knows no standard has the one layout ''. A year may stand under two standards (the end of 2015
        and of 2021); one under none gives no layout.
        """
        if not self.standards:
            return {"": self.columns}
        return {
            standard.code: self.columns_for(standard.code)
            for standard in self.standards
            if standard.holds_in(period.year)
        }

    def may_send(self, sender_code: str, period: Period) -> bool:
        """Whether a sender of this code (the receiving folder's name) reports this data set for the period.

        That a district or commune of that code exists is not judged here.
        """
        if self.sender_kind == "district":
            pattern = r"huyen-\d{3}" if period.end <= DISTRICTS_END else r"xa-\d{5}"
            return re.fullmatch(pattern, sender_code) is not None
        agencies = {code.lower() for code in load_code_list("agency").codes}
        return sender_code in (agencies if self.sender_kind == "agency" else {self.sender_kind.lower()})

    def raw_columns(self) -> list[tuple[str, str]]:
        """Name and PostgreSQL type of each column of `raw.<dataset>`, in order."""
        return [*ROW_COLUMNS, *((column.name, column.sql_type) for column in self.columns)]

    def raw_ddl(self) -> str:
        """The statements that make `raw.<dataset>` and write down what its columns mean."""
        table = sql.Identifier("raw", self.dataset)
        key = [name for name, _ in ROW_COLUMNS]
        lines = [
            sql.SQL("{} {}{}").format(
                sql.Identifier(name), sql.SQL(sql_type), sql.SQL(" not null" if name in key else "")
            )
            for name, sql_type in self.raw_columns()
        ]
        lines.append(sql.SQL("primary key ({})").format(sql.SQL(", ").join(map(sql.Identifier, key))))
        statements = [sql.SQL("create table {} (\n    {}\n)").format(table, sql.SQL(",\n    ").join(lines))]
        comment = f"{self.title_en}, as sent: one row per {self.grain} and submission."
        statements.append(sql.SQL("comment on table {} is {}").format(table, sql.Literal(comment)))
        statements += [
            sql.SQL("comment on column {} is {}").format(
                sql.Identifier("raw", self.dataset, column.name), sql.Literal(column.description)
            )
            for column in self.columns
        ]
        return "".join(statement.as_string(None) + ";\n" for statement in statements)


@dataclass(frozen=True, slots=True)
class PovertyStandard:
    """A poverty standard, its law and the review years under which a household list may stand."""

    code: str
    first_year: int
    last_year: int
    law: str

    def holds_in(self, year: int) -> bool:
        """Whether a review of this year may stand under the standard."""
        return self.first_year <= year <= self.last_year

    def is_named_in(self, text: str) -> bool:
        """Whether a text names the standard: its law, or years of which some are those of its code."""
        first, last = map(int, self.code.split("-"))
        spans = [(int(start), int(end)) for start, end in re.findall(r"(20\d\d)\s*[-–—]\s*(20\d\d)", text)]
        return any(start <= last and first <= end for start, end in spans) or fold(self.law) in fold(text)


def poverty_standards(year: int) -> tuple[PovertyStandard, ...]:
    """The poverty standards under which a review of this year may stand: one, or two where one gives way to another."""
    return tuple(standard for standard in _deprivations().standards if standard.holds_in(year))


# --- from the document to the contract -------------------------------------------------------------------------------

_CADENCES: Mapping[tuple[int, str], Cadence] = {(1, "y"): "A", (6, "m"): "S", (3, "m"): "Q"}
_PLAIN_TYPES: Mapping[str, ColumnType] = {"string": "text", "integer": "integer", "date": "date", "boolean": "flag"}


def heading_key(heading: str) -> str:
    """Letters and digits alone: two headings alike in this form could be taken for each other."""
    return re.sub(r"[\W_]+", "", without_accents(fold(heading)))


@dataclass(frozen=True)
class _Deprivations:
    """The lists of deprivations: by standard, each code's number and heading; and the years of each standard."""

    lists: Mapping[str, Mapping[str, tuple[int, str]]]
    standards: tuple[PovertyStandard, ...]


@lru_cache(maxsize=1)
def _deprivations() -> _Deprivations:
    lists: dict[str, dict[str, tuple[int, str]]] = {}
    for row in _reference("deprivation"):
        lists.setdefault(row["standard_code"], {})[row["code"]] = (int(row["number"]), row["name_vi"])
    standards = {
        row["code"]: PovertyStandard(
            row["code"], int(row["review_year_from"]), int(row["review_year_to"]), row["legal_source"]
        )
        for row in _reference("poverty_standard")
    }
    return _Deprivations(lists, tuple(standards.values()))


def _reference(name: str) -> Iterator[dict[str, str]]:
    with (REFERENCE_DIR / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


class _Builder:
    """Turns one document into its contract and gathers every problem on the way."""

    def __init__(self, document: Document, rules: Mapping[str, Rule]) -> None:
        self.document = document
        self.table = document.tables[0]
        self.rules = rules
        self.problems: list[str] = []

    def problem(self, path: str, expected: str) -> None:
        self.problems.append(f"{path}: {expected}")

    def build(self) -> Contract:
        document, table = self.document, self.table
        if table.name != document.name:
            self.problem("schema[0].name", f"expected {document.name!r}, the name of the contract")
        columns = tuple(self._column(prop) for prop in table.properties)
        self._check_headings(columns)
        self._check_sources(columns)
        self._check_parts(columns)
        standards = self._standards(columns)
        cadence = self._cadence()
        return Contract(
            dataset=document.name,
            version=document.version,
            title_vi=table.business_name,
            title_en=table.description,
            description=document.description.purpose,
            grain=table.data_granularity_description,
            sender_kind=self._sender_kind(),
            cadence=cadence,
            key=self._key(),
            columns=columns,
            rules=self._rules(),
            laws=tuple(law.description for law in document.authoritative_definitions),
            one_of=self._one_of(),
            deprivation_group_headings=tuple(table.custom_properties.deprivation_group_headings),
            standards=standards,
            standard_in_title=table.custom_properties.standard_in_title,
            forms=self._forms(columns),
        )

    def _column(self, prop: Property) -> Column:
        path = f"schema[0].properties[{prop.name}]"
        extras = prop.custom_properties
        codes = self._codes(prop, path)
        column_type = self._type(prop, codes, path)
        options = prop.logical_type_options
        if (options.minimum is not None or options.maximum is not None) and column_type not in NUMERIC_TYPES:
            self.problem(f"{path}.logicalTypeOptions", "a range only for an integer or a number")
        if options.minimum is not None and options.maximum is not None and options.minimum > options.maximum:
            self.problem(f"{path}.logicalTypeOptions", "expected minimum <= maximum")
        self._check_pattern(prop, column_type, path)
        if bool(prop.transform_source_objects) != (prop.transform_description is not None):
            self.problem(path, "transformSourceObjects and transformDescription only together")
        if prop.transform_source_objects and (prop.required or prop.synonyms):
            self.problem(path, "a derived column stands in no file: neither required nor with synonyms")
        heading, headings, numbers = self._headings(prop, column_type, path)
        return Column(
            name=prop.name,
            heading=heading,
            type=column_type,
            description=prop.description,
            unit=extras.unit,
            required=prop.required,
            key=prop.primary_key,
            minimum=None if options.minimum is None else Decimal(options.minimum),
            maximum=None if options.maximum is None else Decimal(options.maximum),
            pattern=options.pattern,
            examples=tuple(prop.examples),
            code_list=codes.name if codes else None,
            codes=codes,
            personal=prop.classification == "personal",
            derived_from=tuple(prop.transform_source_objects),
            partial_date=any(other.name == f"{prop.name}_precision" for other in self.table.properties),
            place=extras.place,
            synonyms=tuple(synonym.synonym for synonym in prop.synonyms),
            at_most=extras.at_most,
            deprivation=extras.deprivation,
            standard_headings=headings,
            standard_numbers=numbers,
        )

    def _codes(self, prop: Property, path: str) -> CodeList | None:
        name = prop.custom_properties.code_list
        if name and prop.enum:
            self.problem(path, "either enum or customProperties.codeList, not both")
        try:
            if name:
                return load_code_list(name)
            if prop.enum:
                entries = (
                    Code(entry.value, entry.label, tuple(entry.custom_properties.aliases)) for entry in prop.enum
                )
                return CodeList(f"{self.document.name}.{prop.name}", tuple(entries))
        except CodeListError as error:
            self.problem(f"{path}.{'customProperties.codeList' if name else 'enum'}", str(error))
        return None

    def _type(self, prop: Property, codes: CodeList | None, path: str) -> ColumnType:
        declares_codes = bool(prop.custom_properties.code_list or prop.enum)
        money = (prop.custom_properties.unit or "").startswith("VND")
        if declares_codes and prop.logical_type not in ("string", "array"):
            self.problem(f"{path}.logicalType", "expected string or array, for the column has a code list")
        if prop.logical_type == "array":
            if not declares_codes:
                self.problem(f"{path}.logicalType", "an array needs an enum or customProperties.codeList")
            return "code_list"
        if money and prop.logical_type != "number":
            self.problem(f"{path}.logicalType", "expected number, for the unit is money")
        if prop.logical_type == "number":
            return "amount" if money else "decimal"
        return "code" if declares_codes else _PLAIN_TYPES[prop.logical_type]

    def _check_pattern(self, prop: Property, column_type: ColumnType, path: str) -> None:
        pattern = prop.logical_type_options.pattern
        if pattern is None:
            return
        path = f"{path}.logicalTypeOptions.pattern"
        if column_type != "text":
            self.problem(path, "a pattern only for a string without a code list")
        if not (pattern.startswith("^") and pattern.endswith("$")):
            self.problem(path, "expected a regular expression from ^ to $")
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            self.problem(path, f"not a regular expression: {error}")
            return
        if not prop.examples:
            self.problem(path, "expected examples beside it, to show senders")
        for example in prop.examples:
            if not compiled.search(example):
                self.problem(path, f"does not accept its own example {example!r}")

    def _headings(
        self, prop: Property, column_type: ColumnType, path: str
    ) -> tuple[str, Mapping[str, str], Mapping[str, int]]:
        code = prop.custom_properties.deprivation
        if code is None:
            if prop.business_name is None:
                self.problem(f"{path}.businessName", "expected the Vietnamese heading")
            return prop.business_name or prop.name, {}, {}
        if prop.business_name is not None:
            self.problem(f"{path}.businessName", "not here: a deprivation's heading comes from the list deprivation")
        if column_type != "flag":
            self.problem(f"{path}.logicalType", "expected boolean, for it is a deprivation")
        found = {standard: entries[code] for standard, entries in _deprivations().lists.items() if code in entries}
        if not found:
            self.problem(f"{path}.customProperties.deprivation", f"{code!r} is in no list of deprivations")
            return prop.name, {}, {}
        headings = {standard: heading for standard, (_, heading) in found.items()}
        numbers = {standard: number for standard, (number, _) in found.items()}
        return headings[max(headings)], MappingProxyType(headings), MappingProxyType(numbers)

    def _standards(self, columns: Sequence[Column]) -> tuple[PovertyStandard, ...]:
        declared = {column.deprivation for column in columns if column.deprivation}
        if not declared:
            return ()
        missing = {code for entries in _deprivations().lists.values() for code in entries} - declared
        if missing:
            self.problem("schema[0].properties", f"no column for the deprivations {', '.join(sorted(missing))}")
        return _deprivations().standards

    def _check_headings(self, columns: Sequence[Column]) -> None:
        names: set[str] = {name for name, _ in ROW_COLUMNS}
        owners: dict[str, Column] = {}
        for column in columns:
            path = f"schema[0].properties[{column.name}]"
            if column.name in names:
                self.problem(f"{path}.name", "a column of this name stands already in the data set")
            names.add(column.name)
            spelled: set[str] = set()
            for heading in column.headings:
                if fold(heading) in spelled and heading in column.synonyms:
                    self.problem(f"{path}.synonyms", f"{heading!r} repeats a heading of the same column")
                spelled.add(fold(heading))
                owner = owners.setdefault(heading_key(heading), column)
                if owner.name != column.name:
                    self.problem(f"{path}.synonyms", f"{heading!r} is also a heading of {owner.name}")

    def _check_sources(self, columns: Sequence[Column]) -> None:
        sent = {column.name for column in columns if not column.derived}
        for column in columns:
            for source in column.derived_from:
                if source not in sent:
                    path = f"schema[0].properties[{column.name}].transformSourceObjects"
                    self.problem(path, f"{source!r} is no column that is sent")

    def _check_parts(self, columns: Sequence[Column]) -> None:
        numeric = {column.name for column in columns if column.type in NUMERIC_TYPES}
        for column in columns:
            if column.at_most is not None and not ({column.name, column.at_most} <= numeric):
                path = f"schema[0].properties[{column.name}].customProperties.atMost"
                self.problem(path, "expected a column of numbers, on a column of numbers")

    def _key(self) -> tuple[str, ...]:
        marked = [prop for prop in self.table.properties if prop.primary_key]
        path = "schema[0].properties"
        if not marked:
            self.problem(path, "expected at least one column with primaryKey")
        if sorted(prop.primary_key_position or 0 for prop in marked) != list(range(1, len(marked) + 1)):
            self.problem(path, "expected primaryKeyPosition 1, 2, … on the columns with primaryKey")
        for prop in self.table.properties:
            if prop.primary_key and not prop.required and not prop.transform_source_objects:
                self.problem(f"{path}[{prop.name}].required", "expected true, for the column is part of the key")
            if prop.primary_key_position is not None and not prop.primary_key:
                self.problem(f"{path}[{prop.name}].primaryKeyPosition", "only with primaryKey: true")
        return tuple(prop.name for prop in sorted(marked, key=lambda prop: prop.primary_key_position or 0))

    def _one_of(self) -> tuple[tuple[str, ...], ...]:
        known = {prop.name: prop for prop in self.table.properties}
        path = "schema[0].customProperties.oneOf"
        for group in self.table.custom_properties.one_of:
            for name in group:
                if name not in known:
                    self.problem(path, f"{name!r} is no column of the data set")
                elif known[name].required:
                    self.problem(path, f"{name!r} is required already")
        return tuple(map(tuple, self.table.custom_properties.one_of))

    def _forms(self, columns: Sequence[Column]) -> tuple[Form, ...]:
        extras = self.table.custom_properties
        known = {column.name: column for column in columns}
        own = Form(
            id="",
            columns=frozenset(known),
            required=frozenset(column.name for column in columns if column.required),
            **self._form_properties(extras, known, "schema[0].customProperties"),
        )
        forms = [own]
        for layout in extras.layouts:
            path = f"schema[0].customProperties.layouts[{layout.id}]"
            if any(layout.id == form.id for form in forms):
                self.problem(path, "a layout of this id stands already in the data set")
            by_column = layout.code_by_column
            given = {by_column.code, by_column.value} if by_column else set()
            self._check_names(f"{path}.columns", layout.columns, [name for name in known if not known[name].derived])
            self._check_names(f"{path}.required", layout.required, [*layout.columns, *given])
            if by_column:
                codes = known[by_column.code].codes if by_column.code in known else None
                self._check_names(f"{path}.codeByColumn", given, list(known))
                self._check_names(f"{path}.codeByColumn.headings", by_column.headings, codes.codes if codes else ())
            numeric = [name for name in layout.columns if name in known and known[name].type in NUMERIC_TYPES]
            self._check_names(f"{path}.addedUp", layout.added_up, numeric)
            self._check_names(f"{path}.sumsLack", layout.sums_lack, list(layout.columns))
            if layout.commune_from:
                self._check_names(f"{path}.communeFrom", [layout.commune_from], list(layout.columns))
            owners: dict[str, str] = {}
            for name, headings in layout.columns.items():
                for heading in (*headings, *(known[name].headings if name in known else ())):
                    if owners.setdefault(heading_key(heading), name) != name:
                        self.problem(
                            f"{path}.columns.{name}", f"{heading!r} is also a heading of {owners[heading_key(heading)]}"
                        )
            forms.append(
                Form(
                    id=layout.id,
                    columns=frozenset({*layout.columns, *given}),
                    required=frozenset(layout.required),
                    headings={name: tuple(headings) for name, headings in layout.columns.items()},
                    code_by_column=by_column,
                    commune_from=layout.commune_from,
                    added_up={name: tuple(map(tuple, parts)) for name, parts in layout.added_up.items()},
                    sums_lack=frozenset(layout.sums_lack),
                    **self._form_properties(layout, known, path),
                )
            )
        return tuple(forms)

    def _form_properties(self, form: FormProperties, known: Mapping[str, Column], path: str) -> dict[str, Any]:
        numeric = [name for name, column in known.items() if column.type in NUMERIC_TYPES]
        for rate in form.checked_rates:
            self._check_names(f"{path}.checkedRates", [rate.part, rate.whole], numeric)
        self._check_names(f"{path}.carriedDown", [*form.carried_down, *form.carried_down.values()], list(known))
        return {
            "not_loaded": tuple(form.not_loaded),
            "carried_down": MappingProxyType(form.carried_down),
            "checked_rates": tuple(form.checked_rates),
        }

    def _check_names(self, path: str, names: Iterable[str], known: Collection[str]) -> None:
        for name in names:
            if name not in known:
                self.problem(path, f"{name!r} is none of {', '.join(sorted(known))}")

    def _rules(self) -> tuple[str, ...]:
        dataset = self.document.name
        named = [quality.implementation for quality in self.table.quality]
        expected = [rule.id for rule in self.rules.values() if dataset in rule.datasets]
        for rule_id in named:
            if rule_id not in self.rules:
                self.problem("schema[0].quality", f"{rule_id!r} is no rule of rules.yaml")
            elif rule_id not in expected:
                self.problem("schema[0].quality", f"the rule {rule_id} does not name {dataset} among its data sets")
        for rule_id in expected:
            if rule_id not in named:
                self.problem("schema[0].quality", f"expected {rule_id}, which names {dataset} among its data sets")
        if len(set(named)) < len(named):
            self.problem("schema[0].quality", "a rule stands twice")
        return tuple(named)

    def _sender_kind(self) -> str:
        name = self.document.team.name
        known = {"district", "agency", *load_code_list("agency").codes}
        if name not in known:
            self.problem("team.name", "expected district, agency, or the code of an agency")
        return name

    def _cadence(self) -> Cadence:
        levels = self.document.sla_properties
        if len(levels) != 1:
            self.problem("slaProperties", "expected frequency, once")
            return "A"
        cadence = _CADENCES.get((levels[0].value, levels[0].unit))
        if cadence is None:
            self.problem("slaProperties[frequency]", "expected 1 y, 6 m or 3 m")
        return cadence or "A"


def load_contract(path: Path, rules: Mapping[str, Rule] | None = None) -> Contract:
    """The contract in this file, judged by these rules (those of rules.yaml when not given). ContractError else."""
    try:
        data = load_yaml(path)
        document = parse(Document, data, path.name)
        parse(OpenDataContractStandard, data, path.name)
    except DeclarationError as error:
        raise ContractError(str(error)) from None
    builder = _Builder(document, load_rules() if rules is None else rules)
    contract = builder.build()
    if path.stem != contract.dataset:
        builder.problem("name", f"expected {path.stem!r}, as the file is called")
    if builder.problems:
        raise ContractError("\n".join(f"{path.name}: {problem}" for problem in builder.problems))
    return contract


@lru_cache(maxsize=1)
def load_contracts() -> Mapping[str, Contract]:
    """Every contract, by data set, in alphabetical order. ContractError for the first file that is wrong."""
    contracts = {path.stem: load_contract(path) for path in sorted(CONTRACTS_DIR.glob("*.yaml"))}
    if not contracts:
        raise ContractError(f"no contract in {CONTRACTS_DIR.name}/")
    return MappingProxyType(contracts)
