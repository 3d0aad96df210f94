"""Areas by code or name on a day: provinces, districts (until 30 June 2025) and communes, from the official list."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from operator import itemgetter
from typing import Literal, cast

from ingestion.settings import REFERENCE_DIR
from ingestion.text import fold, without_accents

Level = Literal["province", "district", "commune"]

DISTRICTS_END = date(2025, 6, 30)
"""Last day of the district level; from the next day communes send what districts sent."""

# A short form needs its dot, a space or a number behind it: "P.1", "TT Thắng", but not "Phú".
_OFFICE = re.compile(r"(?:ubnd|ủy ban nhân dân|uy ban nhan dan)[\s.:]+")
_PREFIX = re.compile(
    r"(?:(?P<full>đặc khu|thị trấn|phường|xã|thành phố|thị xã|huyện|quận|tỉnh"
    r"|dac khu|thi tran|phuong|xa|thanh pho|thi xa|huyen|quan|tinh)(?=[\s.:]|\d)"
    r"|(?P<short>t\.?t|t\.?p|t\.?x|ttr)[\s.]|(?P<letter>[xphq])(?:\.|\s?(?=\d)))[\s.:]*(?=.)"
)
_SHORT_KINDS = {
    "tt": "thi tran",
    "ttr": "thi tran",
    "tp": "thanh pho",
    "tx": "thi xa",
    "x": "xa",
    "p": "phuong",
    "h": "huyen",
    "q": "quan",
}
_LEVELS: Mapping[str, tuple[Level, ...]] = {
    **dict.fromkeys(("xa", "phuong", "thi tran", "dac khu"), ("commune",)),
    **dict.fromkeys(("huyen", "quan", "thi xa"), ("district",)),
    "thanh pho": ("district", "province"),
    "tinh": ("province",),
}
"""The levels of which a kind of unit is."""
_MOST_NAMED = 6
_DIGITS = re.compile(r"[0-9]+")
_WHOLE_PROVINCE = frozenset({"toàn tỉnh", "tỉnh", "cấp tỉnh", "toàn thành phố", "trên địa bàn tỉnh", "toàn địa bàn"})
_LAST_Y = re.compile(r"(?<![^\W_bcdghklmnpqrstvx])y\b|(?<=qu)y\b")
_NOT_LETTERS = re.compile(r"[\W_]+")
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_QUALIFIED = re.compile(r"\s*(?:,|;|\(| - )\s*")


@dataclass(frozen=True, slots=True)
class AdminUnit:
    """One unit of the official list, valid from `valid_from` to `valid_to`, both inclusive; None where unknown."""

    code: str
    level: Level
    name: str
    parent_code: str
    valid_from: date | None
    valid_to: date | None

    def stands_on(self, day: date) -> bool:
        """Whether the unit exists on this day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Match:
    """What a name means in an area: one unit, or the several that it may mean, or none."""

    unit: AdminUnit | None
    candidates: tuple[AdminUnit, ...] = ()


@dataclass(frozen=True, slots=True)
class _Named:
    """A unit under one of its names: kind, letters of the proper name, and the unit that it means."""

    kind: str | None
    exact: str
    unit: AdminUnit


@dataclass(frozen=True)
class Area:
    """The units in a larger area (`within`, None for the nation) on a day; by code, and by name however it is written.

    `other_names` are names that the units had at another time, or that were those of units which became part of them.
    """

    units: tuple[AdminUnit, ...]
    other_names: tuple[tuple[str, AdminUnit], ...] = ()
    within: str | None = None
    day: date = date.max
    _by_code: dict[str, AdminUnit] = field(init=False, repr=False)
    _by_name: dict[str, list[_Named]] = field(init=False, repr=False)
    _by_other_name: dict[str, list[_Named]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_code", {unit.code: unit for unit in self.units})
        object.__setattr__(self, "_by_name", _index((unit.name, unit) for unit in self.units))
        object.__setattr__(self, "_by_other_name", _index(self.other_names))

    def by_code(self, code: str) -> AdminUnit | None:
        """The unit of this code, or None."""
        return self._by_code.get(code)

    def by_name(self, name: str) -> Match:
        """The unit that a name means: its kind, accents, tone marks, hyphens, apostrophes and case aside, unless they
        are needed to tell two units apart. A name may say its district: `Xã Đồng Tân, huyện Hiệp Hòa`. Where no unit
        has the name, one that has it at another time is meant."""
        for index in (self._by_name, self._by_other_name):
            match = _find(index, name)
            if match.unit or match.candidates:
                return match
        return Match(None)


def _index(names: Iterable[tuple[str, AdminUnit]]) -> dict[str, list[_Named]]:
    index: dict[str, list[_Named]] = {}
    for name, unit in names:
        kind, exact, plain = _name_keys(name)
        for key in {exact, plain}:
            index.setdefault(key, []).append(_Named(kind, exact, unit))
    return index


def _find(index: Mapping[str, Sequence[_Named]], name: str) -> Match:
    match = _named(index, name)
    if match.unit or match.candidates:
        return match
    own, *rest = _QUALIFIED.split(fold(name), maxsplit=1)
    if not rest or not own:
        return match
    match = _named(index, own)
    if match.unit is None:
        wider = _plain(fold(rest[0]))
        inside = [unit for unit in match.candidates if _parent_key(unit) in wider]
        if len(inside) == 1:
            return Match(inside[0], (inside[0],))
    return match


def _named(index: Mapping[str, Sequence[_Named]], name: str) -> Match:
    kind, exact, plain = _name_keys(name)
    whole = _NOT_LETTERS.sub("", fold(name))  # what looks like a kind may be part of the name: Quan Hóa, Xa Dung
    for key, accents in ((exact, exact), (plain, None), (whole, whole), (_plain(fold(name)), None)):
        found = [named for named in index.get(key, ()) if accents in (None, named.exact)]
        if kind and key in (exact, plain):
            found = [named for named in found if named.unit.level in _LEVELS[kind]]
            found = [named for named in found if named.kind == kind] or found
        units = {(named.unit.level, named.unit.code): named.unit for named in found}
        if units:
            return Match(next(iter(units.values())) if len(units) == 1 else None, tuple(units.values()))
    return Match(None)


@lru_cache(maxsize=50_000)
def _name_keys(name: str) -> tuple[str | None, str, str]:
    """(kind of unit, letters of the proper name, the same without accents)."""
    folded = _OFFICE.sub("", fold(name))
    kind = None
    if match := _PREFIX.match(folded):
        short = (match["short"] or match["letter"] or "").replace(".", "")
        kind = without_accents(match["full"]) if match["full"] else _SHORT_KINDS[short]
        folded = folded[match.end() :]
    folded = _LEADING_ZEROS.sub("", folded)
    return kind, _NOT_LETTERS.sub("", folded), _plain(folded)


def _plain(folded: str) -> str:
    """The letters without accents; a y that ends a syllable is as often an i: Y Tý, Y Tí."""
    return _NOT_LETTERS.sub("", _LAST_Y.sub("i", without_accents(folded)))


def _parent_key(unit: AdminUnit) -> str:
    return next((_name_keys(parent.name)[2] for parent in _by_code_of("district").get(unit.parent_code, ())), "\0")


@lru_cache(maxsize=1)
def _all_units() -> tuple[AdminUnit, ...]:
    day = lru_cache(lambda text: date.fromisoformat(text) if text else None)
    with (REFERENCE_DIR / "admin_unit.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        fields = ("code", "level", "name", "parent_code", "valid_from", "valid_to")
        pick = itemgetter(*map(next(reader).index, fields))
        return tuple(
            AdminUnit(code, cast(Level, level), name, parent_code, day(valid_from), day(valid_to))
            for code, level, name, parent_code, valid_from, valid_to in map(pick, reader)
        )


@lru_cache(maxsize=3)
def _by_code_of(level: Level) -> dict[str, list[AdminUnit]]:
    units: dict[str, list[AdminUnit]] = {}
    for unit in _all_units():
        if unit.level == level:
            units.setdefault(unit.code, []).append(unit)
    return units


def find_unit(level: Level, code: str, day: date) -> AdminUnit | None:
    """The unit of this level and code on this day, or None."""
    return next((unit for unit in _by_code_of(level).get(code, ()) if unit.stands_on(day)), None)


def province_of(unit: AdminUnit, day: date) -> str:
    """Code of the province that a unit belongs to on this day."""
    while unit.level != "province":
        parent = find_unit("district", unit.parent_code, day) if unit.level == "commune" else None
        parent = parent or find_unit("province", unit.parent_code, day)
        if parent is None:
            raise LookupError(f"admin_unit.csv: {unit.code} has no parent {unit.parent_code} on {day}")
        unit = parent
    return unit.code


@lru_cache(maxsize=64)
def communes_in(area_code: str | None, day: date) -> Area:
    """The communes of a district, a province, or (None) the nation on this day; of a commune, that one alone."""
    return _area(_communes(area_code, day), area_code, day)


def _area(units: tuple[AdminUnit, ...], within: str | None, day: date) -> Area:
    """These units with the names that they, and what became part of them on 1 July 2025, have at another time."""
    here = {(unit.level, unit.code): unit for unit in units}
    others = []
    for other in _all_units():
        if other.stands_on(day):
            continue
        successors = _successors().get(other.code, ()) if other.level == "commune" and day > DISTRICTS_END else ()
        codes = successors or ((other.code,) if _is_of_one_system(other, day) else ())
        others += [(other.name, unit) for code in codes if (unit := here.get((other.level, code))) is not None]
    return Area(units, tuple(others), within, day)


def _is_of_one_system(unit: AdminUnit, day: date) -> bool:
    """Whether a unit is of the system of that day: a code means another place in the next."""
    return (unit.valid_to is not None and unit.valid_to <= DISTRICTS_END) == (day <= DISTRICTS_END)


@lru_cache(maxsize=1)
def _successors() -> Mapping[str, tuple[str, ...]]:
    """The communes of today that each commune became on 1 July 2025."""
    found: dict[str, list[str]] = {}
    with (REFERENCE_DIR / "admin_unit_successor.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["old_commune_code"], []).append(row["new_commune_code"])
    return {code: tuple(successors) for code, successors in found.items()}


def _communes(area_code: str | None, day: date) -> tuple[AdminUnit, ...]:
    standing = (unit for unit in _all_units() if unit.level == "commune" and unit.stands_on(day))
    if area_code is None:
        return tuple(standing)
    if len(area_code) == 5:
        return tuple(unit for unit in standing if unit.code == area_code)
    parents = {area_code, *(unit.code for unit in districts_in(area_code, day).units)}
    return tuple(unit for unit in standing if unit.parent_code in parents)


@lru_cache(maxsize=64)
def districts_in(province_code: str | None, day: date) -> Area:
    """The districts of a province, or (None) of the nation, on this day; none from 1 July 2025."""
    return _area(
        tuple(
            unit
            for unit in _all_units()
            if unit.level == "district" and unit.stands_on(day) and province_code in (None, unit.parent_code)
        ),
        province_code,
        day,
    )


@lru_cache(maxsize=64)
def units_in(province_code: str | None, day: date) -> Area:
    """A province and every district and commune in it, or (None) those of the nation, on this day."""
    provinces = tuple(
        unit
        for unit in _all_units()
        if unit.level == "province" and unit.stands_on(day) and province_code in (None, unit.code)
    )
    units = (*provinces, *districts_in(province_code, day).units, *communes_in(province_code, day).units)
    return _area(units, province_code, day)


def find_place(text: str, province_code: str | None, day: date) -> Match:
    """The province, district or commune that a code or a name means on a day, its zeros lost or not.

    Names, and codes that lost zeros, are looked up in the province (None: in the nation); `Toàn tỉnh` is the province.
    """
    area = units_in(province_code, day)
    if _DIGITS.fullmatch(text):
        found = [unit for unit in area.units if unit.code == text]
        found = found or [unit for unit in area.units if unit.code.lstrip("0") == text.lstrip("0")]
        levels: tuple[Level, ...] = ("province", "district", "commune")
        found = found or [unit for level in levels if (unit := find_unit(level, text, day)) is not None]
    elif fold(text) in _WHOLE_PROVINCE:
        found = [unit for unit in area.units if unit.level == "province"]
    else:
        return area.by_name(text)
    return Match(found[0] if len(found) == 1 else None, tuple(found))


def sender_unit(sender_code: str, day: date) -> AdminUnit | None:
    """The district or commune that reports under this code (`huyen-220`, `xa-07615`) on this day, or None."""
    kind, _, code = sender_code.partition("-")
    level: Level | None = {"huyen": "district", "xa": "commune"}.get(kind)  # type: ignore[assignment]
    return find_unit(level, code, day) if level else None


def province_of_senders(sender_codes: Iterable[str], day: date) -> str | None:
    """Code of the one province whose districts or communes these senders are on this day; None if none or several."""
    units = (sender_unit(code, day) for code in sender_codes)
    provinces = {province_of(unit, day) for unit in units if unit is not None}
    return provinces.pop() if len(provinces) == 1 else None


def names_of(units: Iterable[AdminUnit]) -> str:
    """Units as a message names them: `Xã Đồng Tân (07813)`; of many, the first."""
    names = [f"{unit.name} ({unit.code})" for unit in units]
    return ", ".join(names[:_MOST_NAMED] + ["…"] * (len(names) > _MOST_NAMED))
