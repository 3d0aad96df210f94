"""What is known already of a sender's next report: rows of its own last accepted one, and of nobody else's."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ingestion.period import Period
from ingestion.place import DISTRICTS_END
from ingestion.templating.request import Request

Row = Mapping[str, Any]
"""Values by column of the contract, as stored: codes, dates, Decimals; `<date>_precision` beside a partial date."""

_KEPT = {
    "household_review": (
        "household_code", "head_name", "head_sex", "head_birth_date", "head_birth_date_precision", "head_ethnic_group",
        "head_national_id", "commune_code", "village_name", "member_count", "area_type",
    ),
    "household_member": (
        "household_code", "person_no", "full_name", "sex", "birth_date", "birth_date_precision", "relation_to_head",
        "ethnic_group", "national_id",
    ),
    "credit_loan": (
        "loan_id", "credit_programme_code", "household_code", "borrower_name", "borrower_national_id",
        "transaction_office", "commune_code", "association", "contracted_on", "due_on", "term_months", "annual_rate",
        "funding_source",
    ),
}  # fmt: skip


def known_rows(connection: sa.Connection, request: Request, standard_code: str) -> list[Row]:
    """Rows to begin with, in the order of the last report; none where there is no such report."""
    dataset = request.contract.dataset
    if dataset == "commune_profile":
        return [{"commune_code": commune.code} for commune in request.communes]
    if dataset not in _KEPT or not sa.inspect(connection).has_table(dataset, schema="accepted"):
        return []
    table = sa.table(
        dataset,
        *map(sa.column, ("sender_code", "period_code", "standard_code", "submission_id", "sheet_name", "row_number")),
        *(sa.column(name) for name, _ in request.contract.raw_columns()[3:]),
        schema="accepted",
    )
    raw = {name for name, _ in request.contract.raw_columns()}
    columns: list[sa.ColumnElement[Any]] = [table.c[name] for name in _KEPT[dataset] if name in raw]
    last = _last_standard(connection, table, request, standard_code)
    if dataset == "household_review" and last == standard_code:  # a class is told again within one standard alone
        columns.append(table.c.class_reported.label("class_previous"))
    found = sa.select(*columns).where(table.c.period_code == request.period.previous, table.c.standard_code == last)
    if dataset == "credit_loan":
        found = found.where(table.c.outstanding > 0)
    moved = _communes_taken_over(connection, request)
    if moved is None:
        found = found.where(table.c.sender_code == request.sender_code)
    elif dataset == "household_review":
        found = found.where(table.c.commune_code.in_(moved))
    else:
        # Whose household is listed in a commune that the sender took over whole; the code alone may be older.
        lists = sa.table("household_review", *map(sa.column, _LIST_COLUMNS), schema="accepted")
        own = sa.select(lists.c.household_code).where(
            lists.c.period_code == request.period.previous, lists.c.commune_code.in_(moved)
        )
        found = found.where(table.c.household_code.in_(own))
    order = (table.c.sender_code, table.c.submission_id, table.c.sheet_name, table.c.row_number)
    rows: list[Row] = []
    for row in connection.execute(found.order_by(*order)).mappings():
        code = row.get("commune_code")
        rows.append({**row, "commune_code": _commune_now(code, request, moved)} if code else dict(row))
    return rows


def _last_standard(connection: sa.Connection, table: sa.TableClause, request: Request, standard_code: str) -> str:
    """The standard of the last list: this one where there is such a list, else the latest of the period before."""
    there: Sequence[str] = connection.scalars(
        sa.select(table.c.standard_code).where(table.c.period_code == request.period.previous).distinct()
    ).all()
    return standard_code if standard_code in there else max(there, default=standard_code)


_LIST_COLUMNS = ("household_code", "commune_code", "period_code")


def _communes_taken_over(connection: sa.Connection, request: Request) -> set[str] | None:
    """Old communes that went whole to the commune that asks, when the period before was still one of districts.

    None where the sender has a last report of its own. Of a commune that was split nobody is shown the people.
    """
    before = Period.parse(request.period.previous)
    if request.unit is None or request.unit.level != "commune" or before.end > DISTRICTS_END:
        return None
    return set(
        connection.scalars(
            sa.text(
                "select old_commune_code from reference.admin_unit_successor"
                " where new_commune_code = :code and how = 'whole'"
            ),
            {"code": request.unit.code},
        )
    )


def _commune_now(code: str, request: Request, moved: set[str] | None) -> str | None:
    if moved is not None and request.unit is not None:
        return request.unit.code
    return code if code in {commune.code for commune in request.communes} else None
