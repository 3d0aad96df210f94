"""A made-up province whose figures are known: rows by column name, with the values that `raw` must hold.

Everything follows from a seed. Areas, poverty lines and code lists come from the reference lists.
"""

import csv
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from ingestion.contract import Contract, load_contracts
from ingestion.period import Period
from ingestion.settings import REFERENCE_DIR

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Commune:
    """A commune on a day, with its district ('' from 1 July 2025) and the sender who reports for it."""

    code: str
    name: str
    district_code: str
    district_name: str

    @property
    def sender(self) -> str:
        """The receiving folder of who reports for it."""
        return f"huyen-{self.district_code}" if self.district_code else f"xa-{self.code}"

    @property
    def area_type(self) -> str:
        """Urban for a ward or a town."""
        return "urban" if self.name.startswith(("Phường", "Thị trấn")) else "rural"


@cache
def reference(name: str) -> list[dict[str, str]]:
    """The rows of a reference list."""
    with (REFERENCE_DIR / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def communes(province: str, day: str) -> list[Commune]:
    """The communes of a province on a day (ISO), by code."""
    standing = [
        unit
        for unit in reference("admin_unit")
        if (not unit["valid_from"] or unit["valid_from"] <= day) and (not unit["valid_to"] or day <= unit["valid_to"])
    ]
    districts = {u["code"]: u["name"] for u in standing if u["level"] == "district" and u["parent_code"] == province}
    found = [
        Commune(u["code"], u["name"], u["parent_code"] if u["parent_code"] in districts else "",
                districts.get(u["parent_code"], ""))
        for u in standing
        if u["level"] == "commune" and (u["parent_code"] in districts or u["parent_code"] == province)
    ]  # fmt: skip
    return sorted(found, key=lambda commune: commune.code)


def standards(year: int) -> list[str]:
    """The poverty standards under which a year's review may stand, the earlier first."""
    return sorted(
        {
            line["code"]
            for line in reference("poverty_standard")
            if int(line["review_year_from"]) <= year <= int(line["review_year_to"])
        }
    )


def class_of(standard: str, area_type: str, income: int, deprivations: int) -> str:
    """The class that a standard gives."""
    line = next(
        line
        for line in reference("poverty_standard")
        if line["code"] == standard and line["area_type"] == area_type
    )  # fmt: skip
    poor, near, needed = int(line["poor_income_vnd"]), int(line["near_poor_income_vnd"]), line["min_deprivations"]
    if income > near:
        return "not_poor"
    if not needed:
        return "poor" if income <= poor else "near_poor"
    return "poor" if deprivations >= int(needed) or (poor < near and income <= poor) else "near_poor"


Classes = Mapping[str, Mapping[int, str]]  # of each household, by year of review


def entitled(name: str, classes: Classes | None, household: str, year: int) -> list[dict[str, str]]:
    """The policies or credit programmes of a list for a household's class of a year or of the last review before."""
    known = (classes or {}).get(household, {})
    reviewed = max((each for each in known if each <= year), default=None)
    return [
        line
        for line in reference(name)
        if reviewed is None or known[reviewed] in line["for_class"].split("|")
    ]  # fmt: skip


def ceiling(programme: str, day: date) -> int:
    """The highest amount of a loan on a day; of a programme that knows none, that of the largest loan made up here."""
    for line in reference("credit_ceiling"):
        first, last = line["valid_from"] or "0001-01-01", line["valid_to"] or "9999-12-31"
        if line["credit_programme_code"] == programme and first <= day.isoformat() <= last:
            return int(line["ceiling_vnd"])
    return 50_500_000


_SURNAMES = ("Nông", "Hoàng", "Lý", "Triệu", "Bế", "Đinh", "Y Bhiêu", "H'Lan", "Nguyễn")
_MIDDLE = ("Văn", "Thị", "Thu", "Mạnh", "Ngọc")
_GIVEN = ("Hòa", "Thúy", "Sơn", "Nga", "Quý", "Bình", "Liên", "Toàn", "Ủ")
_VILLAGES = ("Thôn 1", "Bản Khuổi Mắn", "Xóm Lũng Nặm", "Tổ dân phố số 5", "Buôn Đăk R'Moan")


class Province:
    """A province's true figures, the same for the same seed."""

    def __init__(self, code: str, seed: int = 0) -> None:
        self.code = code
        self.seed = seed

    def _random(self, *parts: object) -> random.Random:
        return random.Random(repr((self.code, self.seed, parts)))  # noqa: S311 - made-up figures

    def communes(self, period_code: str) -> list[Commune]:
        """Its communes on the last day of a period."""
        return communes(self.code, Period.parse(period_code).end.isoformat())

    def senders(self, period_code: str) -> list[str]:
        """Who reports for its communes."""
        return list(dict.fromkeys(commune.sender for commune in self.communes(period_code)))

    def of(self, sender: str, period_code: str) -> list[Commune]:
        """The communes of one sender."""
        return [commune for commune in self.communes(period_code) if commune.sender == sender]

    def households(
        self,
        places: Sequence[Commune],
        year: int,
        standard: str = "",
        per_commune: int = 4,
        last_year: int | None = None,
    ) -> list[Row]:
        """The review list of these communes, commune by commune; `last_year` is that of the review before it under the
        same standard, if there was one."""
        contract = load_contracts()["household_review"]
        standard = standard or standards(year)[-1]
        return [
            self._household(contract, commune, number, year, standard, last_year)
            for commune in places
            for number in range(1, per_commune + 1)
        ]

    def _situation(self, contract: Contract, commune: Commune, number: int, year: int, standard: str) -> Row:
        """What a review finds: the flags, the income and the class that follows from them."""
        chance = self._random("review", commune.code, number, year, standard)
        row: Row = {
            column.name: chance.random() < 0.3 for column in contract.columns_for(standard) if column.type == "flag"
        }
        deprived = sum(bool(row.get(column.name)) for column in contract.columns if column.deprivation)
        line = next(line for line in reference("poverty_standard") if line["code"] == standard)
        income = chance.randrange(100, int(line["near_poor_income_vnd"]) * 18 // 10_000) * 1000
        reported = class_of(standard, commune.area_type, income, deprived)
        return row | {"income_per_capita": Decimal(income), "class_reported": reported}

    def _household(
        self, contract: Contract, commune: Commune, number: int, year: int, standard: str, last_year: int | None
    ) -> Row:
        known = self._random("household", commune.code, number)  # the same every year
        chance = self._random("remarks", commune.code, number, year, standard)
        row: Row = {column.name: None for column in contract.columns}
        row |= self._situation(contract, commune, number, year, standard)
        reported = row["class_reported"]
        previous = chance.choice(("poor", "near_poor", "not_poor", None))
        if last_year is not None and previous is not None:
            previous = self._situation(contract, commune, number, last_year, standard)["class_reported"]
        born = date(1935, 1, 1) + timedelta(days=known.randrange(24_000))
        woman, by_year = known.random() < 0.5, known.random() < 0.1
        return row | {
            "household_code": f"{commune.code}-{number:05d}",
            "head_name": " ".join(map(known.choice, (_SURNAMES, _MIDDLE, _GIVEN))),
            "head_sex": "female" if woman else "male",
            "head_birth_date": date(born.year, 1, 1) if by_year else born,
            "head_birth_date_precision": "year" if by_year else "day",
            "head_ethnic_group": known.choice(("01", "02", "06", "08", "09", "12", "16")),
            "head_national_id": (
                f"0{self.code}{int(woman)}{born:%y}{known.randrange(1, 10**6):06d}"
                if known.random() < 0.9
                else f"08{known.randrange(10**6, 10**7)}"
            ),
            "commune_code": commune.code,
            "commune_name": commune.name,
            "village_name": known.choice(_VILLAGES),
            "member_count": known.randint(1, 12),
            "area_type": commune.area_type,
            "class_previous": previous,
            "movement_reported": _MOVEMENTS.get((previous, reported), "other") if previous else None,
            "poverty_causes": self._some(chance, "poverty_cause", 1) if reported == "poor" else None,
            "needs": self._some(chance, "need", 0) or None,
            "note": chance.choice(("Hộ mới chuyển đến, đang xác minh", None, None)),
        }

    @staticmethod
    def _some(chance: random.Random, name: str, least: int) -> list[str]:
        codes = [entry["code"] for entry in reference(name)]
        return chance.sample(codes, chance.randint(least, 3))

    def profiles(self, places: Sequence[Commune], year: int) -> list[Row]:
        """The profile of each of these communes."""
        rows = []
        for commune in places:
            chance = self._random("profile", commune.code, year)
            households, labour, villages = chance.randint(300, 5000), chance.randint(1500, 9000), chance.randint(3, 30)
            trained, in_year = labour * chance.randint(20, 70) // 100, chance.randint(10, 400)
            need = Decimal(chance.randint(1000, 20_000)) / 10
            rows.append(
                {
                    "commune_code": commune.code,
                    "commune_name": commune.name,
                    "household_count": households,
                    "population": households * 4 + chance.randint(0, 99),
                    "ethnic_minority_household_count": chance.randint(0, households),
                    **{name: chance.random() < 0.4 for name in _PROFILE_FLAGS},
                    "village_count": villages,
                    "villages_with_hardened_road": chance.randint(0, villages),
                    "villages_with_electricity": villages,
                    "irrigation_need_ha": need,
                    "irrigation_met_ha": need * chance.randint(30, 99) / 100,
                    "labour_force": labour,
                    "trained_labour": trained,
                    "vocationally_trained_labour": trained // 2,
                    "trained_in_year": in_year,
                    "trained_and_employed": chance.randint(0, in_year),
                }
            )
        return rows

    def supports(
        self,
        places: Sequence[Commune],
        period_code: str,
        sender: str,
        count: int = 12,
        classes: Classes | None = None,
    ) -> list[Row]:
        """Cases of support by one agency in a quarter, to households whose class entitles them where `classes` are
        told."""
        period = Period.parse(period_code)
        chance = self._random("support", sender, period_code)
        rows: list[Row] = []
        for number in range(1, count + 1):
            status = chance.choice(("delivered", "delivered", "approved", "requested", "eligible", "refused"))
            delivered = status == "delivered"
            day = period.start + timedelta(days=chance.randrange((period.end - period.start).days + 1))
            policies: list[dict[str, str]] = []
            while not policies:  # not every household is entitled to anything
                household = f"{chance.choice(places).code}-{chance.randint(1, 4):05d}"
                policies = entitled("support_policy", classes, household, period.year)
            policy = chance.choice(policies)
            rows.append(
                {
                    "support_id": f"{sender.upper()}-{period.year}-{number:06d}",
                    "policy_code": policy["code"],
                    "household_code": household,
                    "person_no": chance.choice((None, 1, 2, 7)),
                    "status": status,
                    "decided_on": day - timedelta(days=10) if status in ("delivered", "approved") else None,
                    "delivered_on": day if delivered else None,
                    "quantity": Decimal(chance.choice((1, 2, 5))) / chance.choice((1, 2)),
                    "amount": Decimal(chance.randint(100, 60_000) * 1_000 + 500) if delivered else None,
                    "funding_source": chance.choice([source["code"] for source in reference("funding_source")]),
                }
            )
        return sorted(rows, key=lambda row: row["policy_code"])

    def loans(
        self, places: Sequence[Commune], period_code: str, count: int = 12, classes: Classes | None = None
    ) -> list[Row]:
        """The bank's loans of a quarter, by programmes open to the borrowers where their `classes` are told."""
        period = Period.parse(period_code)
        chance = self._random("loan", period_code)
        rows: list[Row] = []
        borrowers = sorted((chance.choice(places) for _ in range(count)), key=lambda commune: commune.code)
        for number, commune in enumerate(borrowers, start=1):
            contracted = period.start - timedelta(days=chance.randrange(1, 900))  # what it owed before is not told
            in_term, overdue, frozen = (
                Decimal(chance.choice((0, 1, 1)) * chance.randint(1, 400) * 125_000 + 1_000) for _ in range(3)
            )
            months = chance.choice((12, 24, 36, 60))
            household = f"{commune.code}-{chance.randint(1, 4):05d}"
            programme = chance.choice(entitled("credit_programme", classes, household, contracted.year))
            rows.append(
                {
                    "loan_id": f"66{period.year % 100}{period_code[-1]}{number:07d}",
                    "credit_programme_code": programme["code"],
                    "household_code": household,
                    "borrower_name": " ".join(map(chance.choice, (_SURNAMES, _MIDDLE, _GIVEN))),
                    "borrower_national_id": f"0{self.code}{chance.randint(0, 1)}{chance.randrange(10**7, 10**8)}",
                    "transaction_office": f"PGD {commune.district_name or 'Hội sở tỉnh'}",
                    "commune_name": commune.name,
                    "commune_code": commune.code,
                    "association": chance.choice(("farmers_union", "womens_union", "youth_union", None)),
                    "contracted_on": contracted,
                    "due_on": contracted + timedelta(days=30 * months),
                    "term_months": months,
                    "annual_rate": Decimal(chance.choice(("6.6", "3.3", "7.92", "9"))),
                    "funding_source": chance.choice(("central", "local")),
                    "disbursed_in_period": Decimal(
                        min(chance.choice((0, 0, 15_000_000, 50_500_000)), ceiling(programme["code"], contracted))
                    ),
                    "repaid_in_period": Decimal(chance.choice((0, 1_250_000, 125_000))),
                    "outstanding_in_term": in_term,
                    "overdue": overdue,
                    "frozen": frozen,
                    "outstanding": in_term + overdue + frozen,
                }
            )
        return rows


_MOVEMENTS = {
    ("poor", "poor"): "stayed",
    ("near_poor", "near_poor"): "stayed",
    ("not_poor", "not_poor"): "stayed",
    ("poor", "near_poor"): "poor_to_near_poor",
    ("poor", "not_poor"): "escaped_poverty",
    ("near_poor", "poor"): "near_poor_to_poor",
    ("near_poor", "not_poor"): "escaped_near_poverty",
}
"""What becomes of a household by its class before and now; one that falls into poverty may have been in it before."""
_PROFILE_FLAGS = ("is_extremely_difficult", "is_poor_commune", "is_programme_135", "is_safe_zone", "has_paved_road")
