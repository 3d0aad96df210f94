"""The figures of the warehouse, calculated a second time: loops and dicts over the reports, from the definitions alone.

Nothing here knows a table, a query or a model of the warehouse. The definitions are those of the contract of the public
tables, of the list of indicators and of docs/decisions.md.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from history_maker import NEAR_POOR_COLUMNS, POOR_COLUMNS, Row, Sent
from province_maker import reference

from ingestion.period import Period

DISTRICTS_END = date(2025, 6, 30)


class Place(NamedTuple):
    """A commune with what it lies in; `unit` is the code of who reports for it."""

    commune: str
    district: str | None
    province: str

    @property
    def unit(self) -> str:
        return self.district or self.commune


@cache
def units(day: date) -> dict[tuple[str, str], Row]:
    """The units of a day, by level and code."""
    iso = day.isoformat()
    return {
        (unit["level"], unit["code"]): unit
        for unit in reference("admin_unit")
        if (unit["valid_from"] or "0") <= iso <= (unit["valid_to"] or "9")
    }


@cache
def place_of(code: str, named: date, day: date) -> Place:
    """Where a commune named on one day lies on another: in the commune that took it over, once there are no districts.

    The first digits of a household's code may be those of a commune that is gone, or is not there yet.
    """
    if day > DISTRICTS_END and (named <= DISTRICTS_END or ("commune", code) not in units(day)):
        code = next(
            row["new_commune_code"]
            for row in reference("admin_unit_successor")
            if row["old_commune_code"] == code and (row["how"] == "whole" or row["is_main_part"] == "true")
        )
    if ("commune", code) not in units(day):
        day = DISTRICTS_END + timedelta(days=1)
    parent = units(day)["commune", code]["parent_code"]
    if day > DISTRICTS_END:
        return Place(code, None, parent)
    return Place(code, parent, units(day)["district", parent]["parent_code"])


def sender_of(place: Place) -> str:
    return f"huyen-{place.district}" if place.district else f"xa-{place.commune}"


def last_day(year: int) -> date:
    return date(year, 12, 31)


@dataclass
class Review:
    """A household in the review of a year under a standard."""

    row: Row
    sender: str
    year: int
    standard: str
    household: str
    place: Place
    previous: str | None = None
    movement: str = ""
    members_at_start: int = 0

    @property
    def code(self) -> str:
        return str(self.row["household_code"])

    @property
    def reported_class(self) -> str:
        return str(self.row["class_reported"])

    @property
    def deprivations(self) -> set[str]:
        return {name.removeprefix("dep_") for name, value in self.row.items() if name.startswith("dep_") and value}


@dataclass
class Figure:
    """Sums of a figure; a part that is not known leaves it unknown."""

    numerators: list[Decimal | None] = field(default_factory=list)
    denominators: list[Decimal | None] = field(default_factory=list)


def total(parts: Sequence[Decimal | None]) -> Decimal | None:
    return None if None in parts else sum((part for part in parts if part is not None), Decimal(0))


class PlainFigures:
    """All figures that follow from these reports, as of a day."""

    def __init__(self, reports: Sequence[Sent], as_of: date) -> None:
        self.reports = reports
        self.as_of = as_of
        self.accepted = [report for report in reports if report.is_accepted]
        self.came = {(r.dataset, r.sender, r.period, r.standard) for r in self.accepted}
        self.coverages: dict[tuple[str, str, str, str, str | None], tuple[Decimal, bool]] = {}
        self.expected: dict[tuple[str, int, str], list[tuple[str, str, str]]] = {}
        self.lists = {
            (report.sender, int(report.period), report.standard)
            for report in self.accepted
            if report.dataset == "household_review"
        }
        self.household_of = self._identities()
        self.reviews = self._reviews()
        self.by_household = {(r.household, r.year, r.standard): r for r in self.reviews}
        self.reviews_of: dict[str, list[Review]] = defaultdict(list)
        for review in self.reviews:
            self.reviews_of[review.household].append(review)
        self.held = {
            (self.household_of[row["household_code"]], int(report.period), report.standard)
            for report in self._of("household_review")
            for row in self._held_rows(report)
        }
        self._move()
        self.profiles = self._profiles()
        self.off_list = list(self._off_list())
        self.covered = self._covered()

    def _of(self, dataset: str) -> Iterator[Sent]:
        return (report for report in self.accepted if report.dataset == dataset)

    @staticmethod
    def _held_rows(report: Sent) -> list[Row]:
        return [report.rows[number] for number in sorted(report.held)]

    # households through time

    def _identities(self) -> dict[str, str]:
        """The household of each code: a new code goes on with the household that the head headed last, if the old code
        has left every list."""
        years: dict[str, set[int]] = defaultdict(set)
        heads: dict[tuple[str, int], set[str]] = defaultdict(set)
        for report in self.accepted:
            if report.dataset not in ("household_review", "household_member"):
                continue
            # a row of a member that is held names no household
            rows = report.rows if report.dataset == "household_review" else report.accepted_rows
            for row in rows:
                years[row["household_code"]].add(int(report.period))
            if report.dataset == "household_review":
                for row in report.accepted_rows:
                    if row["head_national_id"]:
                        heads[row["household_code"], int(report.period)].add(row["head_national_id"])
        told = {key: next(iter(found)) for key, found in heads.items() if len(found) == 1}
        last_head = {code: told[code, year] for code, year in sorted(told)}
        headed: dict[str, dict[str, int]] = defaultdict(dict)
        for (code, year), head in sorted(told.items(), key=lambda item: item[0][1]):
            headed[head].setdefault(code, year)
        goes_on_as: dict[str, set[tuple[int, str]]] = defaultdict(set)
        for head, first_headed in headed.items():
            codes = sorted(first_headed, key=lambda code: (first_headed[code], code))
            for number, code in enumerate(codes):
                starts = first_headed[code]
                if list(first_headed.values()).count(starts) > 1:
                    break
                if number and (starts != min(years[code]) or max(max(years[c]) for c in codes[:number]) >= starts):
                    break
                if number and last_head[codes[number - 1]] == head:
                    goes_on_as[codes[number - 1]].add((min(years[code]), code))
        before: dict[str, str] = {}
        for old, claims in goes_on_as.items():
            first = min(claims)[0]
            new = [code for year, code in claims if year == first]
            if len(new) == 1:
                before[new[0]] = old

        def origin(code: str) -> str:
            return origin(before[code]) if code in before else code

        return {code: origin(code) for code in years}

    def _reviews(self) -> list[Review]:
        counted: dict[tuple[str, int, str], Review] = {}
        for report in self._of("household_review"):  # of two lists the one received last
            year = int(report.period)
            for row in report.accepted_rows:
                code = row["household_code"]
                place = place_of(row["commune_code"], last_day(year), last_day(year))
                counted[code, year, report.standard] = Review(
                    row, report.sender, year, report.standard, self.household_of[code], place
                )
        return list(counted.values())

    def _list_before(self, sender: str, year: int, standard: str) -> bool:
        """Whether the list that the sender goes on from came: its own or, of a new commune, all of its districts'."""
        if (sender, year - 1, standard) in self.lists:
            return True
        if not sender.startswith("xa-") or year != DISTRICTS_END.year:
            return False
        parts = [
            row["old_commune_code"]
            for row in reference("admin_unit_successor")
            if row["new_commune_code"] == sender.removeprefix("xa-")
        ]
        standing = units(last_day(year - 1))
        districts = {standing["commune", code]["parent_code"] for code in parts if ("commune", code) in standing}
        return all((f"huyen-{district}", year - 1, standard) in self.lists for district in districts)

    def _move(self) -> None:
        for review in self.reviews:
            row, now = review.row, review.reported_class
            before = self.by_household.get((review.household, review.year - 1, review.standard))
            review.members_at_start = before.row["member_count"] if before else row["member_count"]
            told = row["movement_reported"]
            if before:
                review.previous = before.reported_class
            elif row["class_previous"]:
                review.previous = row["class_previous"]
            elif told in ("escaped_poverty", "poor_to_near_poor"):
                review.previous = "poor"
            elif told in ("escaped_near_poverty", "near_poor_to_poor"):
                review.previous = "near_poor"
            elif told == "stayed":
                review.previous = now
            elif told not in (None, "other"):
                review.previous = "not_poor"
            elif (review.household, review.year - 1, review.standard) in self.held:
                review.previous = None  # it was on the list, but not to be read
            elif self._list_before(review.sender, review.year, review.standard):
                review.previous = "not_poor"
            review.movement = self._movement(review)

    def _movement(self, review: Review) -> str:
        before, now, told = review.previous, review.reported_class, review.row["movement_reported"]
        if before is None:
            return "other"
        if before == now:
            return "stayed"
        if told == "other" and "not_poor" in (before, now):
            return "other"
        if before == "poor":
            return "poor_to_near_poor" if now == "near_poor" else "poor_to_above"
        if before == "near_poor":
            return "near_poor_to_poor" if now == "poor" else "near_poor_escaped"
        history = [
            other
            for other in self.reviews_of[review.household]
            if other.standard == review.standard and other.year < review.year
        ]
        again = any(other.reported_class == now for other in history) or (not history and told == f"{now}_relapsed")
        return f"{now}_relapsed" if again else f"{now}_new"

    def _off_list(self) -> Iterator[tuple[Review, int, Place]]:
        """Poor or near-poor households that the next list of where they lived lacks: the review, the year, where."""
        for review in self.reviews:
            year = review.year + 1
            place = place_of(review.place.commune, last_day(review.year), last_day(year))
            if (
                review.reported_class != "not_poor"
                and (sender_of(place), year, review.standard) in self.lists
                and (review.household, year, review.standard) not in self.by_household
            ):
                yield review, year, place

    def dim_household(self) -> set[tuple[Any, ...]]:
        """Versions: in a year under two standards the earlier one is in force."""
        yearly: dict[str, dict[int, Review]] = defaultdict(dict)
        for review in sorted(self.reviews, key=lambda review: review.standard, reverse=True):
            yearly[review.household][review.year] = review
        versions = set()
        names = (
            "household_code", "commune_code", "village_name", "head_ethnic_group", "area_type", "member_count",
            "is_merit_family", "has_social_protection_member", "has_no_labour_capacity", "class_reported",
        )  # fmt: skip
        for found in yearly.values():
            open_version: tuple[Any, ...] | None = None
            since = 0
            for year in sorted(found):
                # from 2025 on the code of a commune means another one
                version = (*(found[year].row[name] for name in names), year >= 2025)
                if version != open_version:
                    if open_version:
                        versions.add((*open_version[:-1], since, year - 1))
                    open_version, since = version, year
            versions.add((*(open_version or ())[:-1], since, None))
        return versions

    def register(self, code: str | None, year: int) -> Review | None:
        """A household as the review of the year has it, else the last one before."""
        if code not in self.household_of:
            return None
        found = [r for r in self.reviews_of[self.household_of[code]] if r.year <= year]
        return min(found, key=lambda review: (-review.year, review.standard), default=None)

    def derived_class(self, review: Review) -> str | None:
        line = next(
            line
            for line in reference("poverty_standard")
            if (line["code"], line["area_type"]) == (review.standard, review.row["area_type"])
        )
        income, low, high = (
            review.row["income_per_capita"],
            int(line["poor_income_vnd"]),
            int(line["near_poor_income_vnd"]),
        )
        if income > high:
            return "not_poor"
        if not line["min_deprivations"]:
            return "poor" if income <= low else "near_poor"
        many = len(review.deprivations) >= int(line["min_deprivations"])
        return "poor" if many or (low < high and income <= low) else "near_poor"

    # places of a list

    def _profiles(self) -> dict[tuple[str, int], tuple[Row, Place]]:
        found: dict[tuple[str, int], tuple[Row, Place]] = {}
        for report in self._of("commune_profile"):
            day = last_day(int(report.period))
            for row in report.accepted_rows:
                place = place_of(row["commune_code"], day, day)
                found[place.commune, day.year] = row, place
        return found

    def _covered(self) -> dict[tuple[Place, int, str], bool]:
        """The communes of the lists of a year and standard, and whether their households are known."""
        named = {(review.place, review.year, review.standard) for review in self.reviews}
        covered = set(named)
        for sender, year, standard in self.lists:
            covered |= {
                (place, year, standard)
                for (_, profile_year), (_, place) in self.profiles.items()
                if profile_year == year and sender_of(place) == sender
            }
        covered |= {(place, year, review.standard) for review, year, place in self.off_list}
        held = {
            (place_of(row["commune_code"], last_day(int(r.period)), last_day(int(r.period))), int(r.period), r.standard)
            for r in self._of("household_review")
            for row in self._held_rows(r)
        }
        return {key: key in named or key not in held for key in covered}

    def movement(self) -> dict[tuple[str, int, str, str], dict[str, int | None]]:
        """The nine columns of both forms, in households and persons, by commune, year, standard."""
        columns = [f"poor_{c}" for c in POOR_COLUMNS] + [f"near_poor_{c}" for c in NEAR_POOR_COLUMNS]
        counts: dict[tuple[Place, int, str], dict[str, Counter[str]]] = defaultdict(
            lambda: {"households": Counter(), "persons": Counter()}
        )
        unknown_start = set()

        def add(key: tuple[Place, int, str], column: str, persons: int) -> None:
            counts[key]["households"][column] += 1
            counts[key]["persons"][column] += persons

        for review in self.reviews:
            here = review.place, review.year, review.standard
            if review.previous is None:
                unknown_start.add(here)
            before = self.by_household.get((review.household, review.year - 1, review.standard))
            left = before and place_of(before.place.commune, last_day(before.year), last_day(review.year))
            members = review.row["member_count"]
            now = review.reported_class
            if left and left != review.place:
                if review.previous != "not_poor" and (sender_of(left), review.year, review.standard) in self.lists:
                    there = left, review.year, review.standard
                    add(there, f"{review.previous}_start", review.members_at_start)
                    add(there, f"{review.previous}_other_decrease", review.members_at_start)
                if now != "not_poor":
                    add(here, f"{now}_other_increase", members)
                    add(here, f"{now}_end", members)
                continue
            if now != "not_poor":
                add(here, f"{now}_end", members)
            if review.previous not in (None, "not_poor"):
                add(here, f"{review.previous}_start", review.members_at_start)
            if review.movement == "other" and review.previous is not None:
                if review.previous != "not_poor":
                    add(here, f"{review.previous}_other_decrease", review.members_at_start)
                if now != "not_poor":
                    add(here, f"{now}_other_increase", members)
            for column in {
                "poor_to_near_poor": ("poor_to_near_poor", "near_poor_from_poor"),
                "near_poor_to_poor": ("near_poor_to_poor", "poor_from_near_poor"),
                "poor_to_above": ("poor_to_above",),
                "near_poor_escaped": ("near_poor_escaped",),
                "poor_relapsed": ("poor_relapsed",),
                "poor_new": ("poor_new",),
                "near_poor_relapsed": ("near_poor_relapsed",),
                "near_poor_new": ("near_poor_new",),
            }.get(review.movement, ()):
                add(here, column, members)
        for review, year, place in self.off_list:
            there, before_class = (place, year, review.standard), review.reported_class
            persons = review.row["member_count"]
            add(there, f"{before_class}_start", persons)
            add(there, f"{before_class}_other_decrease", persons)
            if (review.household, year, review.standard) not in self.held:
                add(there, "unexplained_count", persons)
        figures: dict[tuple[str, int, str, str], dict[str, int | None]] = {}
        for key in {*counts, *self.covered}:
            place, year, standard = key
            for counted, found in counts[key].items():
                is_known = self.covered.get(key, True)
                figures[place.commune, year, standard, counted] = {
                    column: found[column]
                    if is_known and (column.endswith("_end") or key not in unknown_start)
                    else None
                    for column in columns
                } | {"unexplained_count": found["unexplained_count"] if is_known else None}
        return figures

    def declared(self) -> dict[tuple[str, int, str, str], dict[str, int | None]]:
        found: dict[tuple[str, int, str, str], dict[str, int | None]] = defaultdict(dict)
        for dataset, columns, form in (
            ("poor_movement", POOR_COLUMNS, "poor"),
            ("near_poor_movement", NEAR_POOR_COLUMNS, "near_poor"),
        ):
            for report in self._of(dataset):
                for row in report.accepted_rows:
                    key = row["commune_code"], int(report.period), report.standard, row["counted"]
                    found[key] |= {f"{form}_{column}": row[column] for column in columns}
        return found

    # supports and loans

    def place_of_household(self, code: str, period: Period) -> Place:
        """Where the register has it: before the districts ended, as the last list before had it."""
        year = period.year if period.end > DISTRICTS_END else min(period.year, DISTRICTS_END.year - 1)
        review = self.register(code, year)
        if review:
            return place_of(review.place.commune, last_day(review.year), period.end)
        return place_of(code[:5], period.end, period.end)

    def place_at_year_end(self, code: str, period: Period) -> Place:
        """Figures of a year stand in the units of its last day, where the register has the household then."""
        review = self.register(code, period.year)
        if review:
            return place_of(review.place.commune, last_day(review.year), last_day(period.year))
        return place_of(code[:5], period.end, last_day(period.year))

    def supports(self) -> Iterator[tuple[Sent, Row, Period, Review | None, Place]]:
        for report in self._of("support_delivery"):
            period = Period.parse(report.period)
            for row in report.accepted_rows:
                code = row["household_code"]
                yield report, row, period, self.register(code, period.year), self.place_of_household(code, period)

    def loans(self) -> Iterator[tuple[Sent, Row, Period, str | None, Place]]:
        """A loan without a household code is that of the household that the borrower headed last, and no other then."""
        for report in self._of("credit_loan"):
            period = Period.parse(report.period)
            for row in report.accepted_rows:
                code = row["household_code"]
                if code is None and row["borrower_national_id"]:
                    headed = [r for r in self.reviews if r.row["head_national_id"] == row["borrower_national_id"]]
                    codes = {r.code for r in headed if r.year == max(other.year for other in headed)}
                    code = codes.pop() if len(codes) == 1 else None
                yield report, row, period, code, place_of(row["commune_code"], period.end, period.end)

    def people(self) -> Iterator[tuple[Review, Row, int]]:
        """The people of a reviewed household, once for each standard of the year, with their age."""
        sent: dict[tuple[str, int], dict[str, list[Row]]] = defaultdict(dict)
        for report in self._of("household_member"):
            for row in report.accepted_rows:
                lists = sent[row["household_code"], int(report.period)]
                if report.sender in lists and lists[report.sender][-1]["person_no"] >= row["person_no"]:
                    raise AssertionError("one report of a sender and year")
                lists.setdefault(report.sender, []).append(row)
        for review in self.reviews:
            lists = sent.get((review.code, review.year), {})
            if not lists:
                continue
            of_year = min(
                (r for r in self.reviews if (r.code, r.year) == (review.code, review.year)), key=lambda r: r.standard
            )
            for row in lists.get(of_year.sender, list(lists.values())[-1]):
                born = row["birth_date"]
                yield review, row, review.year - born.year

    # indicators

    def _parts(self) -> Iterator[tuple[tuple[str, str, str, str], Place | tuple[None, None, str], Any, Any]]:
        """Key (indicator, period, standard, breakdown), where, numerator, denominator: what each row adds."""
        yield from self._household_parts()
        yield from self._list_parts()
        yield from self._profile_parts()
        yield from self._people_parts()
        yield from self._support_parts()
        yield from self._credit_parts()
        yield from self._other_parts()

    def _household_parts(self) -> Iterator[Any]:
        borrowers = {
            (self.household_of.get(code, code), period.year)
            for _, row, period, code, _ in self.loans()
            if code and row["disbursed_in_period"] > 0
        }
        considered = {
            (self.household_of.get(row["household_code"], row["household_code"]), period.year)
            for _, row, period, _, _ in self.supports()
            if POLICY[row["policy_code"]]["group"] == "credit" and row["status"] in ("approved", "delivered", "refused")
        }
        for review in self.reviews:
            row, year, standard, now = review.row, str(review.year), review.standard, review.reported_class

            def key(code: str, breakdown: str = "", year: str = year, standard: str = standard) -> Any:
                return code, year, standard, breakdown

            if review.previous is None:
                yield key("poverty_escape_rate"), review.place, None, None
            elif review.previous == "poor":
                yield key("poverty_escape_rate"), review.place, now != "poor", 1
            if now in ("poor", "near_poor"):
                yield key(f"{now}_household_count"), review.place, 1, None
                yield key(f"{now}_household_rate"), review.place, 1, 0
                yield key("multidimensional_poverty_rate"), review.place, 1, 0
            if now != "poor":
                continue
            is_minority = row["head_ethnic_group"] != "01"
            yield key("ethnic_minority_poor_household_rate"), review.place, is_minority, 0
            yield key("poor_merit_household_count"), review.place, row["is_merit_family"], None
            yield key("poor_household_temporary_house_count"), review.place, row["has_temporary_house"], None
            members = row["member_count"]
            yield key("poor_household_income_per_capita"), review.place, row["income_per_capita"] * members, members
            relapsed = None if review.previous is None else review.movement == "poor_relapsed"
            yield key("poverty_relapse_rate"), review.place, relapsed, 1
            for name in [d["code"] for d in reference("deprivation") if d["standard_code"] == standard]:
                yield key("deprivation_rate", name), review.place, name in review.deprivations, 1
            if "credit" in row["needs"]:
                got = (review.household, review.year) in borrowers
                asked = (review.household, review.year) in considered
                yield key("preferential_credit_coverage"), review.place, got, 1
                yield key("preferential_credit_consideration_rate"), review.place, got or asked, 1
        for review, of_year, place in self.off_list:
            if review.reported_class == "poor":
                yield ("poverty_escape_rate", str(of_year), review.standard, ""), place, 0, 1

    def _list_parts(self) -> Iterator[Any]:
        """A list says 0 of the communes of which it names no such household."""
        for (place, year, standard), is_known in self.covered.items():
            zero = 0 if is_known else None
            for indicator, datasets in SOURCES.items():
                if not {"household_review", "household_member"} & set(datasets):
                    continue
                breakdowns = [""]
                denominator: int | None = 0
                if indicator == "deprivation_rate":
                    breakdowns = [d["code"] for d in reference("deprivation") if d["standard_code"] == standard]
                elif "commune_profile" in datasets:
                    profile = self.profiles.get((place.commune, year))
                    denominator = None
                    if profile:
                        name = "household_count"
                        if indicator == "ethnic_minority_poor_household_rate":
                            name = "ethnic_minority_household_count"
                        denominator = profile[0][name]
                for breakdown in breakdowns:
                    yield (indicator, str(year), standard, breakdown), place, zero, denominator

    def _profile_parts(self) -> Iterator[Any]:
        for (commune, year), (row, place) in self.profiles.items():
            for indicator, numerator, denominator in (
                ("commune_paved_road_rate", row["has_paved_road"], 1),
                ("village_hardened_road_rate", row["villages_with_hardened_road"], row["village_count"]),
                ("village_electricity_rate", row["villages_with_electricity"], row["village_count"]),
                ("irrigation_coverage_rate", row["irrigation_met_ha"], row["irrigation_need_ha"]),
                ("trained_labour_rate", row["trained_labour"], row["labour_force"]),
                ("vocationally_trained_labour_rate", row["vocationally_trained_labour"], row["labour_force"]),
                ("post_training_employment_rate", row["trained_and_employed"], row["trained_in_year"]),
            ):
                yield (indicator, str(year), "", ""), place, numerator, denominator
            baseline = exit_baseline(place.province, year)
            if baseline is not None:
                then = self.profiles.get((commune, baseline))
                was = then[0]["is_extremely_difficult"] if then else None
                left = None if was is None else was and not row["is_extremely_difficult"]
                yield ("extremely_difficult_commune_exit_rate", str(year), "", ""), place, left, was

    def _people_parts(self) -> Iterator[Any]:
        served = {
            (
                POLICY[row["policy_code"]]["group"],
                self.household_of.get(row["household_code"]),
                row["person_no"],
                period.year,
            )
            for _, row, period, _, _ in self.supports()
            if row["status"] == "delivered" and row["person_no"] is not None
        }
        for review, row, age in self.people():
            now, place = review.reported_class, review.place
            of_year = str(review.year), review.standard, ""

            def got(group: str, review: Review = review, row: Row = row) -> bool:
                return (group, review.household, row["person_no"], review.year) in served

            if now in ("poor", "near_poor") and row["is_studying"]:
                yield ("tuition_support_coverage", *of_year), place, got("education"), 1
            if now != "poor":
                continue
            yield ("health_insurance_coverage", *of_year), place, row["has_health_insurance"], 1
            if row["needs_vocational_training"] and 15 <= age <= 60:
                yield ("vocational_support_coverage", *of_year), place, got("vocational_training"), 1
            if row["needs_legal_aid"] is None:
                yield ("legal_aid_coverage", *of_year), place, None, None
            elif row["needs_legal_aid"]:
                yield ("legal_aid_coverage", *of_year), place, got("legal_aid"), 1
            if row["is_social_assistance_beneficiary"]:
                yield ("social_assistance_coverage", *of_year), place, got("social_assistance"), 1

    def _support_parts(self) -> Iterator[Any]:
        cases: dict[tuple[str, str, int], list[tuple[Period, Row, Place]]] = defaultdict(list)
        for report, row, period, _, place in self.supports():
            in_year = self.place_at_year_end(row["household_code"], period)
            cases[report.sender, row["support_id"], period.year].append((period, row, in_year))
            if row["status"] != "delivered":
                continue
            for breakdown in ("", row["policy_code"]):
                yield ("support_amount", period.code, "", breakdown), place, row["amount"], None
            if row["policy_code"] == "health_card_near_poor":
                price = row["quantity"] * FULL_PRICE
                yield (
                    ("near_poor_health_insurance_subsidy_rate", str(period.year), "", ""),
                    in_year,
                    row["amount"],
                    price,
                )
        for (_, _, year), quarters in cases.items():
            _, row, place = max(quarters, key=lambda quarter: quarter[0].end)
            is_served = any(each["status"] == "delivered" for _, each, _ in quarters)
            if is_served or row["status"] != "refused":
                group = POLICY[row["policy_code"]]["group"]
                yield ("entitlement_coverage", str(year), "", group), place, is_served, 1

    def _credit_parts(self) -> Iterator[Any]:
        for _, row, period, _, place in self.loans():
            for breakdown in ("", row["credit_programme_code"]):
                key = period.code, "", breakdown
                yield ("credit_disbursed", *key), place, row["disbursed_in_period"], None
                yield ("credit_outstanding", *key), place, row["outstanding"], None
                yield ("credit_overdue_rate", *key), place, row["overdue"], row["outstanding"]

    def _other_parts(self) -> Iterator[Any]:
        for report in self._of("programme_finance"):
            period = Period.parse(report.period)
            for row in report.accepted_rows:
                line_place = place_of(row["admin_unit_code"], period.end, period.end)
                for of in (period.code, *([str(period.year)] if period.code.endswith("Q4") else [])):
                    for breakdown in ("", row["project_code"]):
                        yield (
                            ("fund_disbursement_rate", of, "", breakdown),
                            line_place,
                            row["disbursed"],
                            row["planned"],
                        )
        for report in self._of("capacity_activity"):
            period = Period.parse(report.period)
            provinces = Counter(
                place_of(row["commune_code"], period.end, last_day(period.year)).province
                for row in report.accepted_rows
                if row["commune_code"]
            )
            for row in report.accepted_rows:
                place: Place | tuple[None, None, str] = (
                    place_of(row["commune_code"], period.end, last_day(period.year))
                    if row["commune_code"]
                    else (None, None, provinces.most_common(1)[0][0] if provinces else self._province(period.end))
                )
                key = str(period.year), "", ""
                yield ("poverty_model_count", *key), place, row["kind"] == "poverty_model", None
                if row["kind"] == "poverty_model":
                    yield ("poverty_model_cost", *key), place, row["cost"], 1
                if row["kind"] == "training":
                    yield ("cadre_training_coverage", *key), place, row["participants"], row["target_participants"]

    def _province(self, day: date) -> str:
        senders = [report.sender for report in self.reports if report.sender.startswith("huyen-")]
        return str(units(min(day, DISTRICTS_END))["district", senders[0].removeprefix("huyen-")]["parent_code"])

    def expected_reports(self, dataset: str, year: int, support: str) -> Iterator[tuple[str, str, str]]:
        """(sender, period, unit or '') of every report of a year."""
        if dataset in UNIT_DATASETS:
            day = last_day(year)
            level = "district" if day <= DISTRICTS_END else "commune"
            inside = {
                code: unit
                for (kind, code), unit in units(day).items()
                if kind == level and unit["parent_code"] == self._province(day)
            }
            for code in inside:
                yield f"{'huyen' if level == 'district' else 'xa'}-{code}", str(year), code
        elif dataset == "capacity_activity":
            yield from (("sldtbxh", f"{year}-S{half}", "") for half in (1, 2))
        else:
            senders = {"nhcsxh"}
            if dataset == "support_delivery":
                senders = {p["lead_agency"].lower() for p in POLICY.values() if support in ("", p["code"], p["group"])}
            if dataset == "programme_finance":
                projects = reference("programme_project")
                senders = {p["lead_agency"].lower() for p in projects if support in ("", p["code"])}
            yield from ((sender, f"{year}-Q{quarter}", "") for sender in senders for quarter in range(1, 5))

    def coverage(
        self, indicator: str, period: str, standard: str, support: str, unit: str | None
    ) -> tuple[Decimal, bool]:
        """Share of the expected reports that a figure rests on, of a unit or (None) of the province; and whether a
        report of each of its data sets came."""
        key = indicator, period, standard, support, unit
        if key not in self.coverages:
            self.coverages[key] = self._coverage(*key)
        return self.coverages[key]

    def _coverage(
        self, indicator: str, period: str, standard: str, support: str, unit: str | None
    ) -> tuple[Decimal, bool]:
        wanted = came = 0
        rests_on_all = True
        for dataset in SOURCES[indicator]:
            year = int(period[:4])
            if (dataset, year, support) not in self.expected:
                self.expected[dataset, year, support] = list(self.expected_reports(dataset, year, support))
            reports = [
                (sender, of)
                for sender, of, named in self.expected[dataset, year, support]
                if (period == of or len(period) == 4) and (unit is None or named in ("", unit))
            ]
            of_standard = standard if dataset == "household_review" else ""
            here = sum((dataset, sender, of, of_standard) in self.came for sender, of in reports)
            wanted, came = wanted + len(reports), came + here
            rests_on_all = rests_on_all and here > 0
        return Decimal(100 * came) / wanted, rests_on_all or len(SOURCES[indicator]) == 1

    def indicators(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """(indicator, period, standard, breakdown, level, code): numerator, denominator, coverage, publishable."""
        communes: dict[tuple[Any, ...], Figure] = defaultdict(Figure)
        for key, place, numerator, denominator in self._parts():
            figure = communes[(*key, *place)]
            figure.numerators.append(None if numerator is None else Decimal(numerator))
            figure.denominators.append(None if denominator is None else Decimal(denominator))
        places: dict[tuple[Any, ...], list[tuple[Decimal | None, Decimal | None]]] = defaultdict(list)
        scopes: dict[tuple[Any, ...], str | None] = {}
        for (indicator, period, standard, breakdown, commune, district, province), figure in communes.items():
            has_denominator = bool(INDICATORS[indicator]["denominator"])
            sums = total(figure.numerators), total(figure.denominators) if has_denominator else None
            if has_denominator and None in sums:
                sums = None, None
            unit = district or commune
            if unit and not self.coverage(indicator, period, standard, support_of(indicator, breakdown), unit)[1]:
                continue
            for level, code, scope in (
                ("commune", commune, unit), ("district", district, unit), ("province", province, None),
            ):  # fmt: skip
                if code:
                    at = indicator, period, standard, breakdown, level, code
                    places[at].append(sums)
                    scopes[at] = scope
        figures = {}
        for at, parts in places.items():
            indicator, period, standard, breakdown, *_ = at
            known = [part for part in parts if part[0] is not None]
            rate, _ = self.coverage(indicator, period, standard, support_of(indicator, breakdown), scopes[at])
            has_denominator = bool(INDICATORS[indicator]["denominator"])
            figures[at] = (
                sum((part[0] or Decimal(0) for part in known), Decimal(0)) if known else None,
                sum((part[1] or Decimal(0) for part in known), Decimal(0)) if known and has_denominator else None,
                rate,
                rate == 100 and len(known) == len(parts),
            )
        return figures


INDICATORS = {row["code"]: row for row in reference("indicator")}
SOURCES = {code: [name.strip() for name in row["source_datasets"].split(";")] for code, row in INDICATORS.items()}
POLICY = {row["code"]: row for row in reference("support_policy")}
FULL_PRICE = next(
    Decimal(row["full_price_vnd"])
    for row in reference("support_amount")
    if row["policy_code"] == "health_card_near_poor"
)
UNIT_DATASETS = ("household_review", "household_member", "commune_profile")


def support_of(indicator: str, breakdown: str) -> str:
    """The policy, group of policies or project whose lead agencies a figure rests on."""
    if indicator in ("support_amount", "entitlement_coverage", "fund_disbursement_rate"):
        return breakdown
    return {
        "tuition_support_coverage": "education",
        "vocational_support_coverage": "vocational_training",
        "legal_aid_coverage": "legal_aid",
        "social_assistance_coverage": "social_assistance",
        "preferential_credit_consideration_rate": "credit",
        "near_poor_health_insurance_subsidy_rate": "health_card_near_poor",
    }.get(indicator, "")


def exit_baseline(province: str, year: int) -> int | None:
    """The baseline year of the plan of a province that is in force and aims at communes leaving the list."""
    years = [
        int(target["baseline_year"])
        for target in reference("programme_target")
        for programme in reference("programme")
        if target["indicator_code"] == "extremely_difficult_commune_exit_rate"
        and target["programme_code"] == programme["code"]
        and programme["province_code"] in ("", province)
        and int(programme["start_year"]) <= year <= int(programme["end_year"])
    ]
    return min(years, default=None)
