"""The rules on sample reports into which errors were sown: what the gate finds is what is counted here by another path.

Cells of the sample reports are changed at random after reading; then every finding of the rules that compare forms,
lists, quarters and the register must be one that plain loops over the rows give, and the other way round.
"""

import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from ingestion import pipeline
from ingestion.settings import PROJECT_DIR, get_settings

INBOX = PROJECT_DIR / "examples" / "inbox"
SENDERS = ("huyen-220", "huyen-223", "nhcsxh", "bdt", "sldtbxh", "stc")
CLASSES = ("poor", "near_poor", "not_poor")
POOR = ("start", "to_near_poor", "to_above", "other_decrease", "from_near_poor", "relapsed", "new", "other_increase")
NEAR_POOR = ("start", "escaped", "to_poor", "other_decrease", "from_poor", "relapsed", "new", "other_increase")
FORMS = {"poor_movement": POOR, "near_poor_movement": NEAR_POOR}
CLASS_OF = {"poor_movement": "poor", "near_poor_movement": "near_poor"}
SIGNS = (1, -1, -1, -1, 1, 1, 1, 1)
RULES = ("RM-01", "RM-02", "RM-03", "RM-04", "RM-05", "SD-03", "SD-04", "SD-05", "CL-01", "CL-03", "CL-04", "PF-02")

Row = dict[str, Any]
Place = tuple[int, int, str]  # submission, row, column


class Reports:
    """The rows of every data set with their sender and period; `accepted` are those that count."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        held = set(self.query("select submission_id, row_number from ops.held_row", tuple))
        self.rows: dict[str, list[Row]] = {}
        for dataset in (
            *("household_review", "poor_movement", "near_poor_movement", "review_result"),
            *("support_delivery", "credit_loan", "programme_finance"),
        ):
            self.rows[dataset] = self.query(
                "select s.sender_code, s.period_code, s.period_end, s.status_code like 'accepted%%' as in_force, r.*"
                f" from raw.{dataset} as r join ops.submission as s using (submission_id)"
            )
            for row in self.rows[dataset]:
                row["year"] = row["period_end"].year
                row["counts"] = row["in_force"] and (row["submission_id"], row["row_number"]) not in held
        self.policies = {row["code"]: row for row in self.query("select * from reference.support_policy")}
        self.programmes = {row["code"]: row for row in self.query("select * from reference.credit_programme")}
        self.ceilings = self.query("select * from reference.credit_ceiling")

    def query(self, statement: str, kind: Callable[[list[Any]], Any] | None = None) -> list[Any]:
        if kind:
            return [kind(row) for row in self.connection.execute(statement.encode())]
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement.encode().replace(b"%%", b"%")).fetchall()

    def accepted(self, dataset: str) -> Iterator[Row]:
        return (row for row in self.rows[dataset] if row["counts"])

    def households(self) -> dict[tuple[str, int], Row]:
        """The accepted household of a code and year."""
        found = {(row["household_code"], row["year"]): row for row in self.accepted("household_review")}
        assert len(found) > 900
        return found


def sow(connection: psycopg.Connection[Any], chance: random.Random) -> None:
    """Change cells of the raw tables at random: most within what a cell may hold, a few emptied."""

    def some(dataset: str, count: int, where: str = "true") -> list[Row]:
        with connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(f"select * from raw.{dataset} where {where} order by 1, 2, 3".encode()).fetchall()
        return chance.sample(rows, count)

    def change(dataset: str, row: Row, **values: Any) -> None:
        assignments = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value)) for name, value in values.items()
        )
        connection.execute(
            sql.SQL("update raw.{} set {} where submission_id = {} and row_number = {}").format(
                sql.Identifier(dataset), assignments, row["submission_id"], row["row_number"]
            )
        )

    for dataset, columns in FORMS.items():
        for row in some(dataset, 60):
            column = chance.choice((*columns, "end"))
            change(dataset, row, **{column: (row[column] or 0) + chance.randint(1, 2)})
        for row in some(dataset, 12):
            change(dataset, row, **{chance.choice((*columns, "end")): chance.choice((None, 0))})
    for row in some("review_result", 30):
        column = chance.choice(("poor_count", "near_poor_count", "poor_persons", "near_poor_persons"))
        change("review_result", row, **{column: chance.choice((0, row[column] + 1))})
    for row in some("household_review", 60):
        change("household_review", row, class_reported=chance.choice(CLASSES))
    for row in some("household_review", 40):
        change("household_review", row, class_previous=chance.choice((*CLASSES, None)), movement_reported=chance.choice(
            ("other", "poor_relapsed", "near_poor_new", "stayed", None)))  # fmt: skip
    for row in some("household_review", 20):
        change("household_review", row, member_count=row["member_count"] + 1)
    for row in some("household_review", 8):
        change("household_review", row, income_per_capita=None)  # held
    for row in some("support_delivery", 150):
        change("support_delivery", row, policy_code=chance.choice(("social_assistance", "tuition", "housing")))
    for row, other in zip(
        some("support_delivery", 150, "status = 'delivered'"), some("support_delivery", 150), strict=True
    ):
        change("support_delivery", row, **{
            name: other[name] for name in ("household_code", "person_no", "policy_code")})  # fmt: skip
    for row in some("support_delivery", 30):
        change("support_delivery", row, household_code=f"07615-{chance.randint(90_000, 99_999)}")
    for row in some("credit_loan", 60):
        more = chance.choice((1, 1_000_000))
        change("credit_loan", row, outstanding=row["outstanding"] + more,
               outstanding_in_term=row["outstanding_in_term"] + more)  # fmt: skip
    for row in some("credit_loan", 60):
        change("credit_loan", row, credit_programme_code=chance.choice(("01", "09", "19")))
    for row in some("credit_loan", 40):
        change("credit_loan", row, household_code=None)
    for row in some("credit_loan", 10):
        change("credit_loan", row, outstanding=None)  # held
    for row in some("credit_loan", 40):
        change("credit_loan", row, disbursed_in_period=chance.choice((25_000_000, 25_000_001, 100_000_001)))
    for row in some("credit_loan", 20):
        change("credit_loan", row, contracted_on=date(chance.choice((2013, 2014, 2016, 2018)), 5, 1))
    for row in some("programme_finance", 20):
        change("programme_finance", row, disbursed=row["disbursed"] // 4)


@pytest.fixture(scope="module")
def judged(warehouse_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reports]:
    """Sample reports of some senders, sown with errors and judged until nothing is pending."""
    inbox = tmp_path_factory.mktemp("inbox")
    for sender in SENDERS:
        for folder in (INBOX / sender).iterdir():
            kept = sender in ("huyen-220", "huyen-223") or "-Q" in folder.name
            for file in folder.iterdir() if kept else ():
                if not file.name.startswith(("nhan khau", "thong tin")):
                    shutil.copytree(folder, inbox / sender / folder.name, dirs_exist_ok=True,
                                    ignore=shutil.ignore_patterns("nhan khau*", "thong tin*"))  # fmt: skip
                    break
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHUNGTAY_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("CHUNGTAY_WAREHOUSE_URL", warehouse_url)
        get_settings.cache_clear()
        pipeline.load_reference_lists("sown")
        for batch in pipeline.batches(str(inbox)):
            pipeline.receive_batch(batch, "sown")
        with psycopg.connect(warehouse_url, autocommit=True) as connection:
            sow(connection, random.Random(7))  # noqa: S311 - the same errors every time
            pipeline.judge_pending("sown")
            yield Reports(connection)
    get_settings.cache_clear()


def place(row: Row, column: str) -> Place:
    return row["submission_id"], row["row_number"], column


def by_place(reports: Reports, dataset: str) -> dict[tuple[Any, ...], Row]:
    """Accepted rows of a form by year, commune and, for a movement, what is counted."""
    return {(row["year"], row["commune_code"], row.get("counted")): row for row in reports.accepted(dataset)}


def columns_add_up(reports: Reports) -> Iterator[Place]:
    for dataset, columns in FORMS.items():
        for row in reports.rows[dataset]:
            total = sum(sign * (row[column] or 0) for sign, column in zip(SIGNS, columns, strict=True))
            if total != (row["end"] or 0):
                yield place(row, "end")


def movement_forms_agree(reports: Reports) -> Iterator[Place]:
    pairs = {"to_near_poor": "from_poor", "from_near_poor": "to_poor"}
    for dataset, other, columns in (
        ("poor_movement", "near_poor_movement", pairs),
        ("near_poor_movement", "poor_movement", {theirs: ours for ours, theirs in pairs.items()}),
    ):
        known = by_place(reports, other)
        for row in reports.rows[dataset]:
            match = known.get((row["year"], row["commune_code"], row["counted"]), {})
            for ours, theirs in columns.items():
                if row[ours] is not None and match.get(theirs) is not None and row[ours] != match[theirs]:
                    yield place(row, ours)


def movement_of(now: Row, before: Row | None, earlier: set[str], has_history: bool, has_list: bool) -> tuple[Any, str]:
    """The class of a household at the start of the year, and the column of each form that its movement counts in."""
    current, told = now["class_reported"], now["movement_reported"]
    if before:
        previous = before["class_reported"]
    elif now["class_previous"]:
        previous = now["class_previous"]
    elif told in (None, "other"):
        previous = "not_poor" if has_list else None
    elif told == "stayed":
        previous = current
    else:
        previous = {"escaped_poverty": "poor", "poor_to_near_poor": "poor", "escaped_near_poverty": "near_poor",
                    "near_poor_to_poor": "near_poor"}.get(told, "not_poor")  # fmt: skip
    if previous is None:
        return None, "other"
    if previous == current:
        return previous, ""
    if told == "other" and "not_poor" in (previous, current):
        return previous, "other"
    if previous != "not_poor":
        return previous, f"{previous}>{current}"
    again = current in earlier if has_history else told == f"{current}_relapsed"
    return previous, f"{current} {'relapsed' if again else 'new'}"


def counted_movements(reports: Reports) -> tuple[Mapping[tuple[Any, ...], int], set[tuple[int, str]]]:
    """Figures of the movement forms by (form, column, year, commune, counted); and where the start is not known."""
    known, figures = reports.households(), Counter[tuple[Any, ...]]()
    lists = {(row["sender_code"], row["year"]) for row in reports.rows["household_review"] if row["in_force"]}
    unknown: set[tuple[int, str]] = set()

    def count(form: str, column: str, year: int, commune: str, persons: int) -> None:
        figures[form, column, year, commune, "households"] += 1
        figures[form, column, year, commune, "persons"] += persons

    columns = {"poor>near_poor": "to_near_poor", "poor>not_poor": "to_above", "near_poor>poor": "from_near_poor"}
    mirrored = {"near_poor>not_poor": "escaped", "near_poor>poor": "to_poor", "poor>near_poor": "from_poor"}
    for (code, year), now in known.items():
        before = known.get((code, year - 1))
        earlier = [row for (other, then), row in known.items() if other == code and then < year] if year > 2022 else []
        was = {row["class_reported"] for row in earlier}
        previous, movement = movement_of(now, before, was, bool(earlier), (now["sender_code"], year - 1) in lists)
        commune, persons = now["commune_code"], now["member_count"]
        if previous is None:
            unknown.add((year, commune))
        for form, kind in CLASS_OF.items():
            if previous == kind:
                count(form, "start", year, commune, before["member_count"] if before else persons)
            if now["class_reported"] == kind:
                count(form, "end", year, commune, persons)
            if movement == "other" and previous == kind:
                count(form, "other_decrease", year, commune, before["member_count"] if before else persons)
            if movement == "other" and now["class_reported"] == kind:
                count(form, "other_increase", year, commune, persons)
            column = (columns if kind == "poor" else mirrored).get(movement)
            if column or movement in (f"{kind} relapsed", f"{kind} new"):
                count(form, column or movement.split()[1], year, commune, persons)
    for (code, year), gone in known.items():
        if (code, year + 1) not in known:
            for form, kind in CLASS_OF.items():
                if gone["class_reported"] == kind:
                    for column in ("start", "other_decrease"):
                        count(form, column, year + 1, gone["commune_code"], gone["member_count"])
    return figures, unknown


def forms_are_as_the_lists_count(reports: Reports) -> Iterator[Place]:
    figures, unknown = counted_movements(reports)
    held = {(row["year"], row["commune_code"]) for row in reports.rows["household_review"] if not row["counts"]}
    for dataset, columns in FORMS.items():
        for row in reports.rows[dataset]:
            where = row["year"], row["commune_code"]
            for column in (*columns, "end") if where not in held else ():
                expected = figures[dataset, column, *where, row["counted"]]
                if column != "end" and where in unknown:
                    continue
                if row[column] is not None and row[column] != expected:
                    yield place(row, column)
    for row in reports.rows["review_result"]:
        where = row["year"], row["commune_code"]
        for kind in ("poor", "near_poor") if where not in held else ():
            for column, counted in ((f"{kind}_count", "households"), (f"{kind}_persons", "persons")):
                if row[column] is not None and row[column] != figures[f"{kind}_movement", "end", *where, counted]:
                    yield place(row, column)


def years_follow_on(reports: Reports) -> Iterator[Place]:
    for dataset in FORMS:
        known = by_place(reports, dataset)
        for row in reports.rows[dataset]:
            earlier = [
                match["end"]
                for year in range(row["year"] - 1, 2021, -1)
                if (match := known.get((year, row["commune_code"], row["counted"]))) and match["end"] is not None
            ]
            if row["start"] is not None and earlier and row["start"] != earlier[0]:
                yield place(row, "start")


def results_are_the_ends(reports: Reports) -> Iterator[Place]:
    for kind in ("poor", "near_poor"):
        known = by_place(reports, f"{kind}_movement")
        for row in reports.rows["review_result"]:
            for column, counted in ((f"{kind}_count", "households"), (f"{kind}_persons", "persons")):
                end = known.get((row["year"], row["commune_code"], counted), {}).get("end")
                if None not in (row[column], end) and row[column] != end:
                    yield place(row, column)


def class_in(known: Mapping[tuple[str, int], Row], household: str, year: int) -> str | None:
    return next(
        (known[household, then]["class_reported"] for then in range(year, 2021, -1) if (household, then) in known),
        None,
    )


def households_are_registered(reports: Reports) -> Iterator[Place]:
    known = reports.households()
    for row in reports.rows["support_delivery"]:
        if class_in(known, row["household_code"], row["year"]) is None:
            yield place(row, "household_code")


def supports_are_for_the_class(reports: Reports) -> Iterator[Place]:
    known = reports.households()
    for row in reports.rows["support_delivery"]:
        day: date = row["delivered_on"] or row["period_end"]
        kind = class_in(known, row["household_code"], day.year)
        entitled = reports.policies[row["policy_code"]]["for_class"].split("|")
        if row["status"] != "refused" and kind and kind not in entitled:
            yield place(row, "policy_code")


def nobody_is_supported_twice(reports: Reports) -> Iterator[Place]:
    same = defaultdict(list)
    for row in reports.rows["support_delivery"]:
        policy = reports.policies[row["policy_code"]]
        person = row["person_no"] if policy["per"] == "person" else 0
        day = row["delivered_on"]
        if row["status"] != "delivered" or day is None or person is None:
            continue
        span = (day.year, (day.month - 1) // 3) if policy["once_per"] == "quarter" else day.year
        same[row["household_code"], person, row["policy_code"], span].append(row)
    for rows in same.values():
        rows.sort(key=lambda row: (row["delivered_on"], row["sender_code"], row["period_code"], row["row_number"]))
        for number, row in enumerate(rows):
            if any(one["counts"] or one["submission_id"] == row["submission_id"] for one in rows[:number]):
                yield place(row, "household_code")


def balances_follow_on(reports: Reports) -> Iterator[Place]:
    quarters = [f"{year}-Q{quarter}" for year in (2022, 2023, 2024) for quarter in (1, 2, 3, 4)]
    known = {(row["loan_id"], row["period_code"]): row for row in reports.accepted("credit_loan")}
    for row in reports.rows["credit_loan"]:
        number = quarters.index(row["period_code"])
        before = known.get((row["loan_id"], quarters[number - 1])) if number else None
        first = date(row["year"], 3 * (number % 4) + 1, 1)
        if before is None and not first <= row["contracted_on"] <= row["period_end"]:
            continue
        start = before["outstanding"] if before else 0
        expected = start + row["disbursed_in_period"] - row["repaid_in_period"]
        if row["outstanding"] is not None and row["outstanding"] != expected:
            yield place(row, "outstanding")


def loans_are_below_the_ceiling(reports: Reports) -> Iterator[Place]:
    for row in reports.rows["credit_loan"]:
        for line in reports.ceilings:
            holds = (line["valid_from"] or date.min) <= row["contracted_on"] <= (line["valid_to"] or date.max)
            of_programme = line["credit_programme_code"] == row["credit_programme_code"]
            if of_programme and holds and row["disbursed_in_period"] > line["ceiling_vnd"]:
                yield place(row, "disbursed_in_period")


def loans_are_for_the_class(reports: Reports) -> Iterator[Place]:
    known = reports.households()
    heads: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for (code, year), row in known.items():
        heads[row["head_national_id"]][year].add(code)
    for row in reports.rows["credit_loan"]:
        household = row["household_code"]
        if household is None and row["borrower_national_id"] in heads:
            years = heads[row["borrower_national_id"]]
            last = years[max(years)]
            household = next(iter(last)) if len(last) == 1 else None
        kind = household and class_in(known, household, row["contracted_on"].year)
        if kind and kind not in reports.programmes[row["credit_programme_code"]]["for_class"].split("|"):
            yield place(row, "credit_programme_code")


def money_only_grows(reports: Reports) -> Iterator[Place]:
    key = ("sender_code", "year", "project_code", "funding_source", "budget_kind", "admin_unit_code")
    known = defaultdict(list)
    for row in reports.accepted("programme_finance"):
        known[tuple(row[name] for name in key)].append(row)
    for row in reports.rows["programme_finance"]:
        earlier = [one for one in known[tuple(row[name] for name in key)] if one["period_end"] < row["period_end"]]
        last = max(earlier, key=lambda one: one["period_end"], default=None)
        for column in ("allocated", "disbursed"):
            if last and row[column] < last[column]:
                yield place(row, column)


COUNTED: dict[str, Callable[[Reports], Iterator[Place]]] = {
    "RM-01": columns_add_up,
    "RM-02": movement_forms_agree,
    "RM-03": forms_are_as_the_lists_count,
    "RM-04": years_follow_on,
    "RM-05": results_are_the_ends,
    "SD-03": households_are_registered,
    "SD-04": supports_are_for_the_class,
    "SD-05": nobody_is_supported_twice,
    "CL-01": balances_follow_on,
    "CL-03": loans_are_below_the_ceiling,
    "CL-04": loans_are_for_the_class,
    "PF-02": money_only_grows,
}


@pytest.mark.parametrize("rule", RULES)
def test_the_findings_are_all_the_errors_and_no_other(judged: Reports, rule: str) -> None:
    found = judged.query(
        f"select submission_id, row_number, column_name from ops.finding where rule = '{rule}' and found_by = 'judge'",
        tuple,
    )
    counted = list(COUNTED[rule](judged))
    assert len(counted) > 5
    assert sorted(found) == sorted(counted)


def test_no_report_was_refused(judged: Reports) -> None:
    assert {row["in_force"] for rows in judged.rows.values() for row in rows} == {True}
