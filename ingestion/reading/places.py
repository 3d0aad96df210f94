"""Cells that hold the code or the name of a place, read against the areas of the day."""

import re
from collections.abc import Iterable

from ingestion.contract import Column
from ingestion.place import AdminUnit, Area, Match, find_place, find_unit, names_of
from ingestion.reading.cells import Reading, Unread

_DIGITS = re.compile(r"[0-9]+")


def locate(reading: Reading, column: Column, communes: Area, districts: Area, *, any_code: bool) -> Reading:
    """The codes of the places that a column gives, by code or by name; others become null and are said.

    Names of communes are looked up among `communes`, those of any level in the province of `districts`. With `any_code`
    a commune's code is taken as it stands: a rule of the data set judges it.
    """

    def find(text: str) -> Match | None:
        if column.place == "admin_unit_code":
            return find_place(text, districts.within, districts.day)
        if not _DIGITS.fullmatch(text):
            return communes.by_name(text)
        if any_code or len(text) != 5:  # what has no form of a code is out of range
            return None
        return Match(find_unit("commune", text, districts.day))

    texts = reading.values.drop_nulls().unique().to_list()
    matches = {text: match for text in texts if (match := find(text)) is not None}
    codes = {text: match.unit.code for text, match in matches.items() if match.unit is not None}
    values = reading.values.replace(codes)
    wrong = [text for text in matches if text not in codes]
    if not wrong:
        return Reading(values, reading.unread)
    rows = reading.values.is_in(wrong).fill_null(False).arg_true()
    unread = {row: expected_place(column, matches[reading.values[row]].candidates) for row in rows}
    return Reading(values.scatter(rows, None), {**reading.unread, **unread})


def expected_place(column: Column, candidates: Iterable[AdminUnit]) -> Unread:
    """What a column of places should hold instead of a name that means none, or any of these."""
    if names := names_of(candidates):
        if column.place == "admin_unit_code":
            return Unread(
                f"mã địa bàn, vì giá trị này có thể là {names}",
                f"the code of the place, for this may be {names}",
                rule="unknown_code",
            )
        return Unread(
            f"mã xã, vì tên này có thể là {names}",
            f"the commune code, for the name may be {names}",
            rule="unknown_code",
        )
    if column.place == "admin_unit_code":
        return Unread(
            "mã hoặc tên tỉnh, huyện, xã có vào ngày cuối kỳ",
            "the code or the name of a province, district or commune that stands on the last day of the period",
            rule="unknown_code",
        )
    return Unread(
        "mã hoặc tên xã, phường, thị trấn của địa bàn báo cáo vào ngày cuối kỳ",
        "a commune of the reporting area on the last day of the period, by its code or its name",
        rule="unknown_code",
    )
