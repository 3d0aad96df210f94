"""A made-up history of a small province: every report of its senders over the years, with what goes wrong in life.

Households leave the lists, come back years later, move, get another code; rows are held, reports are missing, refused
or sent again; two districts list one household; supports name old codes or no person, loans no household. Everything
follows from a seed.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from province_maker import Commune, class_of, communes, reference, standards

from ingestion.period import Period

Row = dict[str, Any]

TWO_LEVEL_FROM = 2025
"""The year whose lists the new communes send."""


@dataclass
class Sent:
    """A report as received; `held` are the numbers of rows with a critical finding."""

    dataset: str
    sender: str
    period: str
    rows: list[Row]
    standard: str = ""
    status: str = "accepted"
    held: frozenset[int] = frozenset()
    revision: int = 1
    days_after: int = 5
    """Days from the end of the period to the day on which it came."""

    @property
    def is_accepted(self) -> bool:
        return self.status.startswith("accepted")

    @property
    def accepted_rows(self) -> list[Row]:
        return [row for number, row in enumerate(self.rows) if number not in self.held] if self.is_accepted else []


@dataclass
class Home:
    """A household as it lives."""

    code: str
    commune: Commune
    head: str | None
    members: list[Row]
    ethnic_group: str
    head_sex: str
    incomes: float
    is_listed: bool = False
    classes: dict[str, str] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)


class History:
    """All reports of a province over these years, in the order in which they came."""

    def __init__(self, province: str, years: Sequence[int], seed: int, *, homes_per_commune: int = 8) -> None:
        self.province = province
        self.years = years
        self.chance = random.Random(repr((province, seed)))  # noqa: S311 - made-up figures
        self.sent: list[Sent] = []
        self.successor = {
            row["old_commune_code"]: row["new_commune_code"]
            for row in reference("admin_unit_successor")
            if row["how"] == "whole"
        }
        self.places = self._some_communes()
        self.number = 0
        self.homes = [self._home(place) for place in self.places for _ in range(homes_per_commune)]
        self.loans: dict[str, Row] = {}
        self.used_codes = [home.code for home in self.homes]
        for before, year in pairwise([years[0] - 1, *years]):
            if year >= TWO_LEVEL_FROM > before:
                self._join_communes()
            self._quarters(year)
            self._review(year)

    # where

    def _some_communes(self) -> list[Commune]:
        """Three communes of each of two districts that stood until the districts ended, some of which were joined."""
        early, late = (communes(self.province, day) for day in ("2024-12-31", "2025-06-30"))
        lasting = {place.code for place in early} & {place.code for place in late if place.district_code}
        parts: dict[str, list[Commune]] = defaultdict(list)
        for place in early:
            if place.code in lasting and place.code in self.successor:
                parts[place.district_code].append(place)
        districts = self.chance.sample(sorted(code for code, found in parts.items() if len(found) > 4), 2)
        chosen = []
        for district in districts:
            joined: dict[str, list[Commune]] = defaultdict(list)
            for place in parts[district]:
                joined[self.successor[place.code]].append(place)
            many = sorted((found for found in joined.values() if len(found) > 1), key=lambda found: found[0].code)
            chosen += [*self.chance.choice(many)[:2]] if many else []
            rest = [place for place in parts[district] if place not in chosen]
            chosen.append(self.chance.choice(rest))
        return chosen

    def _join_communes(self) -> None:
        """1 July 2025: every commune becomes, or becomes part of, a new one."""
        new = {place.code: place for place in communes(self.province, f"{TWO_LEVEL_FROM}-12-31")}
        for home in self.homes:
            home.commune = new[self.successor[home.commune.code]]
        self.places = list({place.code: place for place in (new[self.successor[p.code]] for p in self.places)}.values())

    # who

    def _code(self, place: Commune) -> str:
        self.number += 1
        return f"{place.code}-{self.number:05d}"

    def _home(self, place: Commune) -> Home:
        chance = self.chance
        members = [
            {
                "person_no": number,
                "sex": chance.choice(("male", "female")),
                "birth_date": date(chance.randint(1950, 2010), chance.randint(1, 12), chance.choice((1, 15, 31 - 3))),
            }
            for number in range(1, chance.randint(2, 6))
        ]
        code = self._code(place)
        return Home(
            code,
            place,
            f"0{self.province}0{chance.randrange(10**8):08d}" if chance.random() < 0.8 else None,
            members,
            chance.choice(("01", "02", "06")),
            chance.choice(("male", "female")),
            chance.random() * 1.6,
            needs=["credit"] if chance.random() < 0.5 else ["health", "job"],
        )

    # the review of a year

    def _live(self) -> None:
        """What happens to households between two reviews."""
        chance = self.chance
        for home in self.homes:
            home.incomes = max(0.05, home.incomes + chance.uniform(-0.5, 0.5))
            if chance.random() < 0.15 and len(home.members) > 1:
                home.members.pop()
            if chance.random() < 0.08:
                home.commune = chance.choice(self.places)
            if chance.random() < 0.08:
                home.code = self._code(home.commune)
                self.used_codes.append(home.code)
        if chance.random() < 0.5:
            home = self._home(chance.choice(self.places))
            self.homes.append(home)
            self.used_codes.append(home.code)

    def _review(self, year: int) -> None:
        chance = self.chance
        self._live()
        senders: dict[str, list[Commune]] = defaultdict(list)
        for place in self.places:
            senders[place.sender].append(place)
        period = str(year)
        for standard in standards(year):
            listed = self._list(year, standard)
            doubled = [row for row, _ in listed if chance.random() < 0.04]
            for sender, places in senders.items():
                codes = {place.code for place in places}
                rows = [row for row, _ in listed if row["commune_code"] in codes]
                # a household that moved may still be on the list of where it lived
                rows += [
                    row | {"commune_code": places[0].code, "class_reported": "poor"}
                    for row in doubled
                    if row["commune_code"] not in codes and chance.random() < 0.5
                ]
                if chance.random() < 0.4:  # a layout without the columns that look back
                    rows = [row | {"class_previous": None, "movement_reported": None} for row in rows]
                if chance.random() < 0.1:
                    rows = [row | {"has_temporary_house": None} for row in rows]
                self._send("household_review", sender, period, rows, standard, may_be_missing=0.08)
        for sender, places in senders.items():
            self._members(sender, period, {place.code for place in places})
            kept = [place for place in places if chance.random() < 0.95]
            self._send("commune_profile", sender, period, [self._profile(place) for place in kept], may_be_missing=0.1)
            for dataset in ("poor_movement", "near_poor_movement"):
                standard = chance.choice(standards(year))
                rows = [
                    self._movement(dataset, place, counted) for place in kept for counted in ("households", "persons")
                ]
                self._send(dataset, sender, period, rows, standard, may_be_missing=0.4, may_be_held=0)

    def _list(self, year: int, standard: str) -> list[tuple[Row, Home]]:
        """The households that the lists of a standard have, where they live."""
        chance = self.chance
        line = next(line for line in reference("poverty_standard") if line["code"] == standard)
        codes = [row["code"] for row in reference("deprivation") if row["standard_code"] == standard]
        listed = []
        for home in self.homes:
            deprived = {code for code in codes if chance.random() < 0.28}
            area = home.commune.area_type
            income = int(int(line["near_poor_income_vnd"]) * home.incomes) // 1000 * 1000
            found = class_of(standard, area, income, len(deprived))
            before = home.classes.get(standard)
            if chance.random() < 0.05:  # decided otherwise than the law says
                found = chance.choice(("poor", "near_poor", "not_poor"))
            is_due = found != "not_poor" or before in ("poor", "near_poor") or chance.random() < 0.1
            if not is_due or chance.random() < 0.07:
                home.classes.pop(standard, None)
                continue
            home.classes[standard] = found
            told = chance.random() < 0.85
            listed.append(
                (
                    {
                        "household_code": home.code,
                        "head_name": "A",
                        "head_national_id": home.head if told else None,
                        "head_sex": home.head_sex,
                        "head_ethnic_group": home.ethnic_group,
                        "commune_code": home.commune.code,
                        "village_name": "Thôn 1",
                        "member_count": len(home.members),
                        "area_type": area,
                        "income_per_capita": Decimal(income),
                        **{f"dep_{code}": code in deprived for code in codes},
                        "class_previous": before or chance.choice((None, "not_poor")),
                        "class_reported": found,
                        "movement_reported": chance.choice((None, None, None, "other", "poor_relapsed")),
                        "needs": home.needs,
                        **{name: chance.random() < 0.3 for name in HOUSEHOLD_FLAGS},
                    },
                    home,
                )
            )
        return listed

    def _members(self, sender: str, period: str, codes: set[str]) -> None:
        """The people of the households that the lists of this year have."""
        chance = self.chance
        listed = {
            row["household_code"]
            for report in self.sent
            if report.dataset == "household_review" and report.period == period
            for row in report.accepted_rows
        }
        rows = [
            {
                "household_code": home.code,
                "full_name": "A",
                "relation_to_head": "head" if person["person_no"] == 1 else "child",
                "ethnic_group": home.ethnic_group,
                **person,
                **{name: chance.random() < 0.5 for name in PERSON_FLAGS},
            }
            for home in self.homes
            if home.code in listed and home.commune.code in codes
            for person in home.members
        ]
        if chance.random() < 0.1:
            rows = [row | {"needs_legal_aid": None} for row in rows]
        self._send("household_member", sender, period, rows, may_be_missing=0.1)

    def _profile(self, place: Commune) -> Row:
        chance = self.chance
        counts = {name: chance.randint(0, 90) for name in PROFILE_COUNTS}
        flags = {name: chance.random() < 0.5 for name in PROFILE_FLAGS}
        return (
            {"commune_code": place.code, "household_count": chance.randint(100, 900), "population": 4000}
            | counts
            | flags
        )

    def _movement(self, dataset: str, place: Commune, counted: str) -> Row:
        columns = POOR_COLUMNS if dataset == "poor_movement" else NEAR_POOR_COLUMNS
        figures = {name: self.chance.randint(0, 9) for name in columns}
        return {"commune_code": place.code, "counted": counted} | figures

    # the quarters of a year

    def _quarters(self, year: int) -> None:
        leads = sorted({policy["lead_agency"].lower() for policy in reference("support_policy")})
        cases: dict[str, list[Row]] = defaultdict(list)
        for quarter in range(1, 5):
            period = Period.parse(f"{year}-Q{quarter}")
            places = self._places_on(period)
            for sender in leads:
                self._supports(sender, period, cases[sender])
            self._bank(period, places)
            self._funds(period, places)
        for half in (1, 2):
            period = Period.parse(f"{year}-S{half}")
            self._activities(period, self._places_on(period))

    def _places_on(self, period: Period) -> list[Commune]:
        """The communes of the day: the first half of the year of the joining is still one of the old ones."""
        if not self.years[0] < TWO_LEVEL_FROM == period.year or period.end >= date(TWO_LEVEL_FROM, 7, 1):
            return self.places
        new = {place.code for place in self.places}
        return [
            place
            for place in communes(self.province, f"{TWO_LEVEL_FROM - 1}-12-31")
            if self.successor.get(place.code) in new
        ][:6]

    def _supports(self, sender: str, period: Period, cases: list[Row]) -> None:
        chance = self.chance
        policies = [policy for policy in reference("support_policy") if policy["lead_agency"].lower() == sender]
        # a case that is open may go on
        rows = [dict(case) for case in cases if case["status"] != "delivered" and chance.random() < 0.6]
        rows += [dict(case) for case in cases if case["status"] == "delivered" and chance.random() < 0.1]
        for _ in range(chance.randint(2, 6)):
            home = chance.choice(self.homes)
            self.number += 1
            rows.append(
                {
                    "support_id": f"{period.year}/{self.number}",
                    "policy_code": chance.choice(policies)["code"],
                    "household_code": home.code if chance.random() < 0.8 else chance.choice(self.used_codes),
                    "person_no": chance.choice((None, 1, 1, 2, 3)),
                }
            )
        span = (period.end - period.start).days
        for row in rows:
            status = chance.choice(("delivered", "delivered", "approved", "requested", "eligible", "refused"))
            day = period.start + timedelta(days=chance.randint(0, span))
            is_delivered = status == "delivered"
            row |= {
                "status": status,
                "decided_on": None,
                "delivered_on": day if is_delivered else None,
                "quantity": Decimal(chance.choice((1, 2, 3))),
                "amount": Decimal(chance.randint(1, 900) * 1000 + 1) if is_delivered else None,
                "funding_source": "central",
            }
        cases[:] = [*(case for case in cases if case["support_id"] not in {row["support_id"] for row in rows}), *rows]
        self._send("support_delivery", sender, period.code, rows, may_be_missing=0.12)

    def _bank(self, period: Period, places: list[Commune]) -> None:
        chance = self.chance
        for _ in range(chance.randint(1, 5)):
            home = chance.choice(self.homes)
            by_code = chance.random() < 0.6
            self.loans[f"L{len(self.loans):04d}"] = {
                "credit_programme_code": chance.choice(reference("credit_programme"))["code"],
                "household_code": chance.choice((home.code, chance.choice(self.used_codes))) if by_code else None,
                "borrower_national_id": home.head,
                "contracted_on": period.start,
                "owed": 0,
            }
        rows = []
        for loan_id, loan in self.loans.items():
            if loan["owed"] == 0 and loan["contracted_on"] != period.start:
                continue
            drawn = chance.choice((0, 5_000_000)) + (20_000_000 if loan["contracted_on"] == period.start else 0)
            repaid = min(loan["owed"] + drawn, chance.choice((0, 1_000_001, 30_000_000)))
            loan["owed"] += drawn - repaid
            overdue = loan["owed"] // chance.choice((1, 3, 7)) if chance.random() < 0.3 else 0
            rows.append(
                {name: value for name, value in loan.items() if name != "owed"}
                | {
                    "loan_id": loan_id,
                    "borrower_name": "A",
                    "commune_code": chance.choice(places).code,
                    "term_months": 36,
                    "annual_rate": Decimal("6.6"),
                    "disbursed_in_period": Decimal(drawn),
                    "repaid_in_period": Decimal(repaid),
                    "outstanding_in_term": Decimal(loan["owed"] - overdue),
                    "overdue": Decimal(overdue),
                    "frozen": Decimal(0),
                    "outstanding": Decimal(loan["owed"]),
                }
            )
        self._send("credit_loan", "nhcsxh", period.code, rows, may_be_missing=0.12)

    def _funds(self, period: Period, places: list[Commune]) -> None:
        chance = self.chance
        for project in reference("programme_project"):
            if chance.random() < 0.5:
                continue
            rows = []
            for place in chance.sample(places, min(2, len(places))):
                planned = chance.randint(10, 900) * 1_000_000
                allocated = planned * chance.randint(1, 9) // 10
                rows.append(
                    {
                        "project_code": project["code"],
                        "funding_source": "central",
                        "budget_kind": "recurrent",
                        "admin_unit_code": place.code,
                        "planned": Decimal(planned),
                        "allocated": Decimal(allocated),
                        "disbursed": Decimal(allocated * chance.randint(0, 9) // 10),
                    }
                )
            sender = project["lead_agency"].lower()
            known = [
                s for s in self.sent if (s.dataset, s.sender, s.period) == ("programme_finance", sender, period.code)
            ]
            if known:
                known[0].rows += rows
            else:
                self._send("programme_finance", sender, period.code, rows, may_be_missing=0, may_be_held=0)

    def _activities(self, period: Period, places: list[Commune]) -> None:
        chance = self.chance
        rows = [
            {
                "activity_id": f"{period.code}/{number}",
                "kind": chance.choice(("training", "poverty_model", "communication")),
                "commune_code": chance.choice([*places]).code if number else None,
                "held_on": period.start,
                "target_participants": chance.randint(10, 40),
                "participants": chance.choice((None, 5, 10, 10, 10)),
                "cost": Decimal(chance.randint(1, 99) * 100_000),
            }
            for number in range(chance.randint(2, 7))
        ]
        self._send("capacity_activity", "sldtbxh", period.code, rows, may_be_missing=0.1)

    # what comes of a report

    def _send(
        self,
        dataset: str,
        sender: str,
        period: str,
        rows: list[Row],
        standard: str = "",
        *,
        may_be_missing: float,
        may_be_held: float = 0.04,
    ) -> None:
        chance = self.chance
        if chance.random() < may_be_missing or not rows:
            if rows and chance.random() < 0.5:
                self.sent.append(Sent(dataset, sender, period, rows, standard, "rejected"))
            return
        held = frozenset(number for number in range(len(rows)) if chance.random() < may_be_held)
        days_after = chance.choice((-20, 3, 10, 40))
        revision = 1
        if chance.random() < 0.15:  # corrected: what came first does not count
            wrong = rows[: len(rows) // 2 + 1]
            self.sent.append(Sent(dataset, sender, period, wrong, standard, "superseded", days_after=days_after))
            revision = 2
        status = "accepted_with_findings" if held else "accepted"
        self.sent.append(Sent(dataset, sender, period, rows, standard, status, held, revision, days_after + 1))


HOUSEHOLD_FLAGS = (
    "is_merit_family", "has_social_protection_member", "has_no_labour_capacity", "registered_to_escape",
    "has_temporary_house",
)  # fmt: skip
PERSON_FLAGS = (
    "has_health_insurance", "is_studying", "is_working", "needs_vocational_training", "needs_legal_aid",
    "is_social_assistance_beneficiary",
)  # fmt: skip
PROFILE_COUNTS = (
    "ethnic_minority_household_count", "village_count", "villages_with_hardened_road", "villages_with_electricity",
    "irrigation_need_ha", "irrigation_met_ha", "labour_force", "trained_labour", "vocationally_trained_labour",
    "trained_in_year", "trained_and_employed",
)  # fmt: skip
PROFILE_FLAGS = ("is_extremely_difficult", "is_poor_commune", "is_programme_135", "is_safe_zone", "has_paved_road")
POOR_COLUMNS = (
    "start", "to_near_poor", "to_above", "other_decrease", "from_near_poor", "relapsed", "new", "other_increase", "end",
)  # fmt: skip
NEAR_POOR_COLUMNS = (
    "start", "escaped", "to_poor", "other_decrease", "from_poor", "relapsed", "new", "other_increase", "end",
)  # fmt: skip
