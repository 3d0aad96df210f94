"""Communes by code or name on a day, in three provinces and under both systems."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from datetime import date

import pytest

from ingestion.place import communes_in, districts_in, find_place, find_unit, names_of, province_of, sender_unit
from ingestion.text import without_accents

IN_2022 = date(2022, 12, 31)
IN_2025 = date(2025, 12, 31)


@pytest.mark.parametrize(
    "name",
    [
        "Thị trấn An Châu",
        "THỊ TRẤN AN CHÂU",
        "TT An Châu",
        "TT. An Châu",
        "thị trấn  an châu",
        "An Châu",
        "an-châu",
        "Thi tran An Chau",
        "Thị trấn An Châu, huyện Sơn Động",
        "Thị trấn An Châu (Sơn Động)",
    ],
)
def test_ways_to_write_a_commune(name: str) -> None:
    unit = communes_in("220", IN_2022).by_name(name).unit
    assert unit is not None
    assert unit.code == "07615"


@pytest.mark.parametrize(
    ("area", "name", "code"),
    [
        ("088", "Sa Pa", "03001"),  # Sa Pa and Sa Pả: the accent tells
        ("088", "Phường Sa Pả", "03002"),
        ("018", "TT Yên Viên", "00526"),  # a town and a commune of one name: the kind tells
        ("018", "Xã Yên Viên", "00532"),
        ("764", "P.1", "26896"),  # Phường 01
        ("764", "Phường 01", "26896"),
    ],
)
def test_what_tells_two_apart(area: str, name: str, code: str) -> None:
    unit = communes_in(area, IN_2022).by_name(name).unit
    assert unit is not None
    assert unit.code == code


def test_ambiguous_names_name_their_candidates() -> None:
    match = communes_in("018", IN_2022).by_name("Yên Viên")
    assert match.unit is None
    assert names_of(match.candidates) == "Thị trấn Yên Viên (00526), Xã Yên Viên (00532)"


def test_a_district_behind_the_name_tells_apart() -> None:
    communes = communes_in("04", IN_2022)
    assert communes.by_name("Xã Vĩnh Quang").unit is None
    unit = communes.by_name("Xã Vĩnh Quang, huyện Bảo Lâm").unit
    assert unit is not None
    assert unit.parent_code == "042"


def test_unknown_names() -> None:
    match = communes_in("220", IN_2022).by_name("Xã Không Có")
    assert match.unit is None
    assert not match.candidates


def test_an_apostrophe_and_a_hyphen_aside() -> None:
    districts = districts_in("66", IN_2022)
    for name in ("Ea H'leo", "Ea H’Leo", "EaHleo", "Huyện Ea H'leo"):
        unit = districts.by_name(name).unit
        assert unit is not None
        assert unit.code == "645"


def test_areas_end_and_begin() -> None:
    assert find_unit("district", "220", date(2025, 6, 30)) is not None
    assert find_unit("district", "220", date(2025, 7, 1)) is None
    before, after = find_unit("commune", "07615", IN_2022), find_unit("commune", "07615", IN_2025)
    assert before is not None
    assert after is not None
    assert (before.name, after.name) == ("Thị trấn An Châu", "Xã Sơn Động")
    assert find_unit("district", "224", IN_2022) is None  # Chũ was made on 1 January 2025


def test_senders() -> None:
    district, commune = sender_unit("huyen-220", IN_2022), sender_unit("xa-07615", IN_2025)
    assert district is not None
    assert commune is not None
    assert province_of(district, IN_2022) == "24"
    assert province_of(commune, IN_2025) == "24"
    for code, day in (
        ("huyen-220", IN_2025),
        ("huyen-999", IN_2022),
        ("nhcsxh", IN_2022),
        ("", IN_2022),
        ("xa-", IN_2025),
    ):
        assert sender_unit(code, day) is None


def test_communes_of_a_province_a_commune_and_the_nation() -> None:
    assert len(communes_in("24", IN_2022).units) == 209
    assert [unit.code for unit in communes_in("07615", IN_2025).units] == ["07615"]
    assert len(communes_in("24", IN_2025).units) == 99
    assert len(communes_in(None, IN_2025).units) == 3321
    assert communes_in("220", IN_2022).by_code("07645") is not None
    assert communes_in("220", IN_2022).by_code("07813") is None


_KIND = re.compile(r"^(?:Thị trấn|Phường|Xã|Đặc khu)", re.IGNORECASE)
_PROPER = re.compile(r"(?<=^Xã ).+|(?<=^Phường ).+|(?<=^Thị trấn ).+")
_SHORT = {"thị trấn": "TT.", "phường": "P.", "xã": "X."}
_MOVED = {"òa": "oà", "óa": "oá", "ỏa": "oả", "oà": "òa", "oá": "óa", "oả": "ỏa", "úy": "uý", "ủy": "uỷ", "uý": "úy"}
_TONE = re.compile("|".join(_MOVED))

SPELLINGS: dict[str, Callable[[str], str]] = {
    "official": lambda name: name,
    "capitals": str.upper,
    "lower case": str.lower,
    "decomposed": lambda name: unicodedata.normalize("NFD", name),
    "spaces": lambda name: f" {name.replace(' ', '  ')}\xa0",
    "hyphens": lambda name: _PROPER.sub(lambda match: match[0].replace(" ", " - "), name),
    "short kind": lambda name: _KIND.sub(lambda match: _SHORT[match[0].lower()], name),
    "office": lambda name: f"UBND {name}",
    "other tone marks": lambda name: _TONE.sub(lambda match: _MOVED[match[0]], name),
    "other letters": lambda name: name.replace("Đ", "Ð").replace("'", "’"),
    "no apostrophe": lambda name: name.replace("'", ""),
}
"""Ways to write a name that leave what tells it from others."""


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("province", ["04", "24", "37", "66", "67", "79"])
def test_every_commune_is_found_in_its_district_however_it_is_written(province: str, spelling: str) -> None:
    communes = communes_in(province, IN_2022).units
    assert len(communes) > 60
    wrong = [
        (written, unit.name)
        for unit in communes
        if communes_in(unit.parent_code, IN_2022).by_name(written := SPELLINGS[spelling](unit.name)).unit != unit
    ]
    assert wrong == []


@pytest.mark.parametrize("province", ["04", "24", "37", "66", "67", "79"])
def test_a_name_without_its_kind_or_accents_means_its_commune_or_names_it_among_others(province: str) -> None:
    ambiguous = 0
    for unit in communes_in(province, IN_2022).units:
        for written in (_KIND.sub("", unit.name).strip(), without_accents(unit.name)):
            match = communes_in(unit.parent_code, IN_2022).by_name(written)
            assert match.unit in (unit, None)
            assert unit in match.candidates
            ambiguous += match.unit is None
    assert ambiguous < 20


def test_names_that_stand_in_several_districts_of_cao_bang() -> None:
    names = Counter(unit.name for unit in communes_in("04", IN_2022).units)
    repeated = [name for name, count in names.items() if count > 1]
    assert len(repeated) > 3
    for name in repeated:
        match = communes_in("04", IN_2022).by_name(name)
        assert match.unit is None
        assert len(match.candidates) == names[name]
        for candidate in match.candidates:
            assert candidate.code in names_of(match.candidates)
            assert communes_in(candidate.parent_code, IN_2022).by_name(name).unit == candidate
            district = find_unit("district", candidate.parent_code, IN_2022)
            assert district is not None
            assert communes_in("04", IN_2022).by_name(f"{name}, {district.name}").unit == candidate


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Huyện Đắk R'lấp", "666"),
        ("Đắk RLấp", "666"),
        ("Đăk R’Lấp", "666"),
        ("ĐĂK GLONG", "661"),
        ("Huyện Đắk Glong", "661"),
        ("Thị trấn Ea T'ling", "24640"),
        ("Ea TLing", "24640"),
        ("TT. EA T’LING", "24640"),
        ("Xâm N'Jang", None),  # a typo is not guessed
        ("Xã Xâm N'Jang", None),
        ("Toàn tỉnh", "67"),
        ("67", "67"),
        ("666", "666"),
        ("24640", "24640"),
        ("99999", None),
    ],
)
def test_places_of_dak_nong(name: str, code: str | None) -> None:
    unit = find_place(name, "67", IN_2022).unit
    assert (unit and unit.code) == code


@pytest.mark.parametrize(
    ("text", "province", "code"),
    [
        ("7615", "24", "07615"),
        ("1267", "04", "01267"),
        ("40", "04", "040"),  # of the district 040 in its province, not of the province 40
        ("4", "04", "04"),
        ("1", "01", None),  # Hà Nội, its district 001 or its ward 00001
        ("01", "24", "01"),  # a province is one wherever it is named
        ("Bắc Giang", "24", None),  # the province or its city
        ("Tỉnh Bắc Giang", "24", "24"),
        ("TP Bắc Giang", "24", "213"),
        ("TP. Hà Nội", "01", "01"),
        ("H. Sơn Động", "24", "220"),
        ("Sơn Động", "24", "220"),
        ("Quảng Hoà", "04", "049"),
        ("Huyện Quảng Hòa", "04", "049"),
    ],
)
def test_codes_that_lost_zeros_and_names_of_any_level(text: str, province: str, code: str | None) -> None:
    match = find_place(text, province, IN_2022)
    assert (match.unit and match.unit.code) == code
    assert (len(match.candidates) == 1) == (code is not None)


def test_names_of_another_time() -> None:
    # Of one code: a commune that became a ward, known for 2025, and one renamed.
    assert communes_in("222", IN_2022).by_name("Phường Bích Động").unit == find_unit("commune", "07777", IN_2022)
    assert communes_in("006", IN_2022).by_name("Phường Văn Miếu Quốc Tử Giám").unit is not None
    # Of a commune that became part of another on 1 July 2025, which is meant now.
    for name in ("Thị trấn An Châu", "Xã Vĩnh An", "Xã Sơn Động"):
        unit = communes_in("07615", IN_2025).by_name(name).unit
        assert unit is not None
        assert unit.code == "07615"
    assert communes_in("07615", IN_2025).by_name("Xã Tuấn Đạo").unit is None
    # A district is none of its communes.
    assert communes_in("24", IN_2025).by_name("Huyện Sơn Động").unit is None
    assert find_place("220", "24", IN_2025).unit is None


def test_the_name_that_holds_on_the_day_goes_before_one_of_another_time() -> None:
    for province in ("04", "24", "37"):
        area = communes_in(province, IN_2025)
        for unit in area.units:
            assert area.by_name(unit.name).unit == unit or len(area.by_name(unit.name).candidates) > 1
