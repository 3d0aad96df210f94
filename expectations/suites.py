"""One expectation suite per data set, derived from its contract and from the business rules in `expectations/rules`.

`python -m expectations.suites` writes them to `expectations/expectations/<data set>.json`, where Great Expectations
reads them; a test holds the committed files to what the contracts give. Ids are stable: the same expectation keeps its
id over every rebuild.

A business rule is one file, `rules/<RULE-ID>.sql`, or one per data set where columns differ,
`rules/<RULE-ID>.<data set>.sql`: a select over `{batch}` giving one row per finding, with `submission_id`,
`sheet_name`, `row_number`, `column_name` and `value`, the last four null for a finding about the whole report, and what
its message needs by the placeholders' names. A placeholder `x` may be given as `x_vi` and `x_en` where the languages
differ, as `x_column`, the name of a column whose heading is meant, or as `x` with `x_code_of`, the column of whose
codes it is.

The batch has the columns of `raw.<data set>`, those of its submission (`sender_code`, `period_code`, `period_start`,
`period_end`, `standard_code`) and `unread_columns`, the columns of which the row tells nothing, since the cell could
not be read or the report's layout has no such column; null if none. A rule reads other reports from `accepted.<data
set>`, without those of the same sender, period and standard: they are other revisions of the report that it judges.
Great Expectations names the batch itself unless the statement joins: write `from {batch} as b` with a join, `from
{batch}` without.
"""

import json
import uuid
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from ingestion.contract import Column, Contract, load_contracts
from ingestion.rule import load_rules

PROJECT_DIR = Path(__file__).resolve().parent
SUITES_DIR = PROJECT_DIR / "expectations"
RULES_DIR = PROJECT_DIR / "rules"

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "chungtay/expectations")

_PART_RULE = "CP-01"  # the rule of a column that may be at most another
_PLACES_SHOWN = 10  # rows that a message about a key names

Expectation = dict[str, Any]
Suite = dict[str, Any]


def build_suite(contract: Contract) -> Suite:
    """The suite of one data set, as Great Expectations stores it: every expectation with its rule, column, severity."""
    return {
        "name": contract.dataset,
        "id": _stable_id(contract.dataset),
        "expectations": list(_expectations(contract)),
        "meta": {"contract_version": contract.version},
        "notes": None,
    }


def suite_text(contract: Contract) -> str:
    """The suite as the committed file holds it."""
    return json.dumps(build_suite(contract), ensure_ascii=False, indent=2) + "\n"


def write_suites(folder: Path = SUITES_DIR) -> list[Path]:
    """Write the suite of every contract and remove those of no contract. Returns the files written."""
    folder.mkdir(exist_ok=True)
    written = []
    for contract in load_contracts().values():
        path = folder / f"{contract.dataset}.json"
        path.write_text(suite_text(contract), encoding="utf-8")
        written.append(path)
    for stale in set(folder.glob("*.json")) - set(written):
        stale.unlink()
    return written


def _expectations(contract: Contract) -> Iterator[Expectation]:
    for column in contract.columns:
        if column.required and column.type != "flag":  # an empty flag means no
            yield _expectation(contract, "missing_required", "expect_column_cells_to_be_filled", column)
        if column.minimum is not None or column.maximum is not None:
            yield _expectation(
                contract,
                "out_of_range",
                "expect_column_values_to_be_between",
                column,
                min_value=_number(column.minimum),
                max_value=_number(column.maximum),
            )
        if column.pattern is not None:
            yield _expectation(
                contract, "out_of_range", "expect_column_values_to_match_regex", column, regex=column.pattern
            )
        if column.codes is not None and column.type == "code":
            codes = list(column.codes.codes)
            yield _expectation(contract, "unknown_code", "expect_column_values_to_be_in_set", column, value_set=codes)
    yield from _alternatives(contract)
    yield from _unread_cells(contract)
    yield _rows(contract, "duplicate_key", _duplicate_key_query(contract))
    if any(column.at_most for column in contract.columns):
        yield _rows(contract, _PART_RULE, _parts_query(contract))
    for rule in contract.rules:
        for path in (RULES_DIR / f"{rule}.{contract.dataset}.sql", RULES_DIR / f"{rule}.sql"):
            if path.exists():
                yield _rows(contract, rule, path.read_text(encoding="utf-8").strip())
                break


def _alternatives(contract: Contract) -> Iterator[Expectation]:
    """Groups of columns of which a row must fill one; a cell that could not be read is another finding."""
    for group in contract.one_of:
        query = (
            f"select submission_id, sheet_name, row_number, {_literal(group[0])} as column_name, null as value\n"
            "from {batch}\n"
            f"where {_is_unfilled(contract, group)} and (unread_columns && array[{_literals(group)}]) is not true"
        )
        yield _rows(contract, "missing_required", query)


def _unread_cells(contract: Contract) -> Iterator[Expectation]:
    """What the reader could not read. Each cell brings its own rule, and holds its row if the row cannot do without.

    That is the cell of a required column, of a column derived from one, or of an alternative that nothing else fills.
    """
    holding = [
        column.name
        for column in contract.columns
        if column.required or any(contract.column(source).required for source in column.derived_from)
    ]
    held = [f"u.column_name in ({_literals(holding)})"]
    held += [
        f"(u.column_name in ({_literals(group)}) and {_is_unfilled(contract, group, 'b.')})"
        for group in contract.one_of
    ]
    for severity, is_held in (("critical", ""), ("warning", "not ")):
        query = (
            "select b.submission_id, b.sheet_name, b.row_number, u.column_name, u.value, u.rule, u.cell,"
            " u.expected_vi, u.expected_en\n"
            "from {batch} as b\n"
            "inner join raw.unread_cell as u\n"
            "    on b.submission_id = u.submission_id and b.sheet_name = u.sheet_name and b.row_number = u.row_number\n"
            f"where b.unread_columns is not null and {is_held}({' or '.join(held)})"
        )
        yield _rows(contract, "unreadable_cell", query, severity)


def _is_unfilled(contract: Contract, group: Sequence[str], prefix: str = "") -> str:
    """A condition: no column of the group gives a value. A place is given by its code, which a name gives as well."""
    codes = [name for name in group if contract.column(name).place == "commune_code"]
    return f"num_nonnulls({', '.join(prefix + _identifier(name) for name in codes or group)}) = 0"


def _duplicate_key_query(contract: Contract) -> str:
    """Every row whose key stands more than once in its report. A key with an empty part is not judged here."""
    key = ["submission_id", *map(_identifier, contract.key)]
    value = " || ' / ' || ".join(f"b.{name}::text" for name in key[1:])
    return (
        f"select b.submission_id, b.sheet_name, b.row_number, {_literal(contract.key[0])} as column_name,\n"  # noqa: S608
        f"    {value} as value,\n"
        f"    array_to_string(k.places[1:{_PLACES_SHOWN}], ', ')"
        f" || case when cardinality(k.places) > {_PLACES_SHOWN} then ', …' else '' end as rows\n"
        "from {batch} as b\n"
        "inner join (\n"
        f"    select {', '.join(key)},\n"
        "        case\n"
        "            when min(sheet_name) = max(sheet_name) then array_agg(row_number::text order by row_number)\n"
        "            else array_agg(sheet_name || '!' || row_number order by sheet_name, row_number)\n"
        "        end as places\n"
        "    from {batch} as d\n"
        f"    group by {', '.join(key)}\n"
        "    having count(*) > 1\n"
        f") as k on {' and '.join(f'b.{name} = k.{name}' for name in key)}"
    )


def _parts_query(contract: Contract) -> str:
    """Every part that exceeds its whole. A pair of which one is missing is not judged."""
    pairs = ",\n".join(
        f"    ({_literal(column.name)}, b.{_identifier(column.name)}::numeric,"
        f" {_literal(column.at_most)}, b.{_identifier(column.at_most)}::numeric)"
        for column in contract.columns
        if column.at_most is not None
    )
    return (
        "select b.submission_id, b.sheet_name, b.row_number, pair.part_column as column_name, pair.part as value,\n"
        '    pair.part_column, pair.whole_column, pair.whole as "limit"\n'
        "from {batch} as b\n"
        f"cross join lateral (\n    values\n{pairs}\n"
        ") as pair (part_column, part, whole_column, whole)\n"
        "where pair.part > pair.whole"
    )


def _rows(contract: Contract, rule: str, query: str, severity: str | None = None) -> Expectation:
    return _expectation(contract, rule, "expect_no_rows_from_query", None, severity, unexpected_rows_query=query)


def _expectation(
    contract: Contract, rule: str, kind: str, column: Column | None, severity: str | None = None, **kwargs: Any
) -> Expectation:
    severity = severity or load_rules()[rule].severity_for(required=column is None or column.required)
    name = column.name if column else None
    description = load_rules()[rule].statement_vi
    return {
        "id": _stable_id(contract.dataset, rule, kind, name or "", severity),
        "type": kind,
        "kwargs": {key: value for key, value in {"column": name, **kwargs}.items() if value is not None},
        "meta": {"rule": rule, "column": name},
        "severity": severity,
        "description": f"{rule}: {description}",
    }


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _literals(names: Sequence[str]) -> str:
    return ", ".join(map(_literal, names))


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _number(bound: Decimal | None) -> int | float | None:
    if bound is None:
        return None
    return int(bound) if bound == bound.to_integral_value() else float(bound)


def _stable_id(*parts: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


if __name__ == "__main__":
    for file in write_suites():
        print(file.relative_to(PROJECT_DIR.parent))
