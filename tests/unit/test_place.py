"""Communes by code or name on a day, in three provinces and under both systems."""

from datetime import date

import pytest

from ingestion.place import communes_in, districts_in, find_unit, names_of, province_of, sender_unit

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
