"""Each type of column: what is read, exactly, and what is refused rather than guessed."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.code_list import load_code_list
from ingestion.contract import Column, load_contracts
from ingestion.reading.cells import (
    Reading,
    TwoReadings,
    Unread,
    decimal_sign,
    parse_number,
    read_codes,
    read_column,
    read_date,
    read_flag,
)
from ingestion.reading.sheet import typed_columns


def column(dataset: str, name: str) -> Column:
    return load_contracts()[dataset].column(name)


def read(values: list[Any], dataset: str, name: str, **options: Any) -> Reading:
    cells = typed_columns([value] for value in values)[0]
    return read_column(cells, column(dataset, name), **options)


def income(*values: Any, factor: int = 1) -> Reading:
    return read(list(values), "household_review", "income_per_capita", factor=factor)


# --- amounts ---


def test_native_million_dong_become_whole_dong() -> None:
    reading = income(0.809, 1.82, 1.844, factor=1_000_000)
    assert reading.values.to_list() == [809_000, 1_820_000, 1_844_000]
    assert reading.values.dtype == pl.Decimal(38, 0)
    assert not reading.unread


def test_thousand_dong_with_fraction_is_exact() -> None:
    assert income(804.6, 563.22, factor=1000).values.to_list() == [804_600, 563_220]


def test_binary_noise_is_rounded_but_a_fraction_of_a_dong_is_not() -> None:
    reading = income(0.1 + 0.2, 0.8091234567, factor=1_000_000)
    assert reading.values.to_list() == [300_000, None]
    assert list(reading.unread) == [1]


def test_an_amount_beyond_the_reach_of_floats_stays_exact() -> None:
    assert income(9_007_199_254_740_991.0).values.to_list() == [9_007_199_254_740_991]
    assert income("900.719.925.474.099.123").values.to_list() == [900_719_925_474_099_123]


def test_decimal_sign_is_decided_by_the_column() -> None:
    reading = income("0,809", "1,82", "1,844", factor=1_000_000)
    assert reading.values.to_list() == [809_000, 1_820_000, 1_844_000]
    reading = income("0.809", "1.844", factor=1_000_000)
    assert reading.values.to_list() == [809_000, 1_844_000]


@pytest.mark.parametrize(("texts", "factor"), [(["1.449", "940", "1.560"], 1000), (["1,449", "940", "1,560"], 1000)])
def test_a_smaller_number_without_separator_tells_thousands(texts: list[str], factor: int) -> None:
    assert income(*texts, factor=factor).values.to_list() == [1_449_000, 940_000, 1_560_000]


def test_one_reading_in_the_range_is_the_reading() -> None:
    assert income("1.250", "2,125", factor=1_000_000).values.to_list() == [1_250_000, 2_125_000]
    assert read(["6.600"], "credit_loan", "annual_rate").values.to_list() == [Decimal("6.6")]


@pytest.mark.parametrize("others", [[], ["2.125"], ["2.125", "804"], ["2.125", "804.600"]])
def test_ambiguous_text_number_is_unread_with_both_readings_told(others: list[str]) -> None:
    reading = read(["1.255", *others], "support_delivery", "amount", factor=1_000)
    assert reading.values[0] is None
    assert "1,255 hay 1.255" in reading.unread[0].expected_vi
    assert "1.255 or 1255" in reading.unread[0].expected_en


def test_ambiguous_money_in_millions_is_unread() -> None:
    reading = read(["1.250"], "support_delivery", "amount", factor=1_000_000)
    assert reading.values.to_list() == [None]
    assert "1,250 hay 1.250" in reading.unread[0].expected_vi
    assert "1.250 or 1250" in reading.unread[0].expected_en


def test_a_native_column_gives_no_evidence_for_a_text_in_it() -> None:
    reading = income(804.6, 563.22, "1.250", factor=1000)
    assert reading.values.to_list() == [804_600, 563_220, None]


def test_contradicting_signs_decide_nothing() -> None:
    reading = income("0,5", "0.5", "1.250", factor=1_000)
    assert reading.values.to_list() == [500, 500, None]


def test_the_sheet_decides_where_the_column_shows_nothing() -> None:
    reading = read(["1.250"], "household_review", "income_per_capita", factor=1_000_000, sheet_sign=".")
    assert reading.values.to_list() == [1_250_000]


def test_dong_have_no_fractions_so_a_group_of_three_is_thousands() -> None:
    assert income("1.250", "500.000", "2,500").values.to_list() == [1250, 500_000, 2500]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.250.000", 1_250_000),
        ("1,250,000", 1_250_000),
        ("1 250 000", 1_250_000),
        ("1\xa0250\xa0000", 1_250_000),
        ("1.250.000 đ", 1_250_000),
        ("1.250.000 đồng", 1_250_000),
        ("(1.000)", -1000),
        ("-1.000", -1000),
        ("12,0", 12),
        ("0", 0),
    ],
)
def test_manners_of_writing_dong(text: str, expected: int) -> None:
    assert income(text).values.to_list() == [expected]


@pytest.mark.parametrize("text", ["abc", "1.25.000", "12,50", "1/2", "1e6", "#REF!", "12 triệu", "--5", "(-5)"])
def test_what_is_no_amount_of_dong(text: str) -> None:
    reading = income(text)
    assert reading.values.to_list() == [None]
    assert reading.unread[0].rule == "unreadable_cell"


@pytest.mark.parametrize("mark", ["", "-", "--", "n/a", " "])
def test_marks_of_nothing_are_blank(mark: str) -> None:
    reading = income(mark)
    assert reading.values.to_list() == [None]
    assert not reading.unread


@given(
    dong=st.integers(min_value=0, max_value=10**12),
    factor=st.sampled_from([1, 1000, 1_000_000]),
    comma=st.booleans(),
    grouped=st.booleans(),
)
def test_text_amounts_come_back_to_the_dong(dong: int, factor: int, comma: bool, grouped: bool) -> None:
    text = f"{Decimal(dong) / factor:,f}" if grouped else f"{Decimal(dong) / factor:f}"
    if comma:
        text = text.translate(str.maketrans(",.", ".,"))
    reading = read([text], "household_review", "income_per_capita", factor=factor, sheet_sign="," if comma else ".")
    assert reading.values.to_list() == [dong]


@given(dong=st.integers(min_value=0, max_value=10**12), factor=st.sampled_from([1, 1000, 1_000_000]))
def test_native_amounts_come_back_to_the_dong(dong: int, factor: int) -> None:
    assert income(dong / factor, factor=factor).values.to_list() == [dong]


@given(st.lists(st.one_of(st.floats(0, 1e9), st.integers(0, 10**7).map(lambda n: n / 1000)), min_size=1, max_size=20))
def test_reading_many_is_reading_each(values: list[float]) -> None:
    together = income(*values, factor=1000)
    alone = [income(value, factor=1000) for value in values]
    assert together.values.to_list() == [reading.values[0] for reading in alone]
    assert set(together.unread) == {index for index, reading in enumerate(alone) if reading.unread}


# --- numbers ---


def test_parse_number_tells_both_readings() -> None:
    assert parse_number("1.250", None) == TwoReadings(Decimal("1.250"), Decimal(1250))
    assert parse_number("1.250", ",") == 1250
    assert parse_number("1.250", ".") == Decimal("1.250")
    assert parse_number("1.250", None) != parse_number("1,250", ".")


@given(st.integers(-(10**15), 10**15))
def test_grouped_whole_numbers(number: int) -> None:
    text = f"{number:,}".replace(",", ".")
    parsed = parse_number(text, ",")
    assert parsed == number


@pytest.mark.parametrize(
    ("texts", "sign"),
    [
        (["1,5", "2"], ","),
        (["1.5"], "."),
        (["1.250.000"], ","),
        (["1,250,000"], "."),
        (["1.250,5"], ","),
        (["0,125"], ","),
        (["1250,125"], ","),
        (["1.250"], None),
        (["12", "abc"], None),
        (["1,5", "1.5"], None),
        (["1.250", "940"], ","),
        (["1,250", "940"], "."),
        (["1.255", "940"], None),
        (["1.255", "1.341", "2.007", "940"], ","),
        (["1.250", "940", "2150"], None),
        (["1.250", "940.000"], None),
        (["1.250", "940", "1,341"], None),
    ],
)
def test_evidence_for_the_decimal_sign(texts: list[str], sign: str | None) -> None:
    assert decimal_sign(pl.Series(texts)) == sign


def test_integers_in_every_manner() -> None:
    reading = read([3.0, "3", "3.0", "3 người", 3], "household_review", "member_count")
    assert reading.values.to_list() == [3, 3, 3, 3, 3]
    assert reading.values.dtype == pl.Int64


def test_a_fraction_is_no_integer() -> None:
    reading = read([3.5, "3,5", datetime(2020, 1, 1), True], "household_review", "member_count")  # noqa: DTZ001
    assert reading.values.to_list() == [None] * 4
    assert sorted(reading.unread) == [0, 1, 2, 3]


def test_decimals_keep_their_digits_and_lose_binary_noise() -> None:
    reading = read([239.8, 0.1 + 0.2, 5.0, "131,4", "313,0", "12 ha"], "commune_profile", "irrigation_need_ha")
    assert reading.values.to_list() == [Decimal(text) for text in ("239.8", "0.3", "5", "131.4", "313", "12")]


def test_percent_sign_of_a_rate() -> None:
    assert read(["6,6%", "7,92 %"], "credit_loan", "annual_rate").values.to_list() == [Decimal("6.6"), Decimal("7.92")]


# --- dates ---


@pytest.mark.parametrize(
    "text",
    [
        "05/06/2023",
        "5/6/2023",
        "05-06-2023",
        "5.6.2023",
        "2023-06-05",
        "2023/6/5",
        "2023-06-05T00:00:00",
        "05/06/2023 00:00:00",
        "ngày 5 tháng 6 năm 2023",
        "45082",
        "05062023",
        "20230605",
    ],
)
def test_dates_are_day_first(text: str) -> None:
    assert read_date(text, vague=False) == (date(2023, 6, 5), "day")


@pytest.mark.parametrize(
    "text", ["5/6/23", "31/02/2023", "05/16/2023", "2023", "06/2023", "abc", "0/0/0000", "1/1/0023"]
)
def test_what_is_no_date(text: str) -> None:
    assert isinstance(read_date(text, vague=False), Unread)


def test_a_birth_date_may_be_a_year_or_a_month() -> None:
    reading = read(
        ["14/04/1955", "1960", 1985.0, "05/1970", 36526.0, datetime(1990, 2, 3), "", "1/2/70"],  # noqa: DTZ001
        "household_review",
        "head_birth_date",
        vague_dates=True,
    )
    assert reading.values.to_list() == [
        date(1955, 4, 14),
        date(1960, 1, 1),
        date(1985, 1, 1),
        date(1970, 5, 1),
        date(2000, 1, 1),
        date(1990, 2, 3),
        None,
        None,
    ]
    assert reading.precision is not None
    assert reading.precision.to_list() == ["day", "year", "year", "month", "day", "day", None, None]
    assert list(reading.unread) == [7]


@given(st.dates(date(1950, 1, 1), date(2030, 12, 31)))
def test_native_text_and_serial_dates_agree(day: date) -> None:
    serial = float((day - date(1899, 12, 30)).days)
    reading = read([day, f"{day:%d/%m/%Y}", serial, day.isoformat()], "support_delivery", "decided_on")
    assert reading.values.to_list() == [day] * 4


# --- flags, codes, identifiers, texts ---


@pytest.mark.parametrize("text", ["x", "X", "1", "có", "CÓ", "true", "v", "✓"])
def test_marked(text: str) -> None:
    assert read_flag(text) is True


@pytest.mark.parametrize("text", ["0", "không", "Không", "false", "-"])
def test_not_marked(text: str) -> None:
    assert read_flag(text) is False


def test_a_strange_mark_is_unread() -> None:
    reading = read(["x", 1.0, True, 0.0, False, "abc", 2.0], "household_review", "dep_water")
    assert reading.values.to_list() == [True, True, True, False, False, None, None]
    assert sorted(reading.unread) == [5, 6]


def test_codes_by_name_alias_code_and_lost_zero() -> None:
    reading = read(["Kinh", "H’Mông", 2.0, "02", "MÔNG", "Người lạ"], "household_review", "head_ethnic_group")
    assert reading.values.to_list() == ["01", "08", "02", "02", "08", None]
    assert reading.unread[5].rule == "unknown_code"
    assert "Kinh" in reading.unread[5].expected_vi


def test_commas_inside_names_of_a_list() -> None:
    causes = load_code_list("poverty_cause")
    assert read_codes("Có người ốm đau, bệnh nặng, tai nạn, Không có lao động", causes) == [
        "illness_accident",
        "no_labour",
    ]
    assert read_codes("no_land; no_land;Không có lao động\n- Nguyên nhân khác", causes) == [
        "no_land",
        "no_labour",
        "other",
    ]
    assert read_codes("-", causes) is None
    assert isinstance(read_codes("Không có lao động; lý do lạ", causes), Unread)


def test_household_codes_get_their_zeros_back() -> None:
    reading = read(["7615-1", "07615 – 00002", "07615-00003", "761500001"], "household_review", "household_code")
    assert reading.values.to_list() == ["07615-00001", "07615-00002", "07615-00003", "761500001"]


def test_national_ids_that_were_numbers_get_their_zeros_back() -> None:
    reading = read([24155715129.0, "024155715129", "24155715129", 12345678.0], "household_review", "head_national_id")
    assert reading.values.to_list() == ["024155715129", "024155715129", "24155715129", "012345678"]


def test_a_text_column_that_lost_every_zero_shows_it() -> None:
    reading = read(["24155715129", "1155715129", "121234567"], "household_review", "head_national_id")
    assert reading.values.to_list() == ["024155715129", "001155715129", "121234567"]


def test_identifiers_that_lost_digits_or_became_dates_are_unread() -> None:
    values = ["1.23E+11", 1.23e20, datetime(2023, 1, 5)]  # noqa: DTZ001
    reading = read(values, "household_review", "head_national_id")
    assert reading.values.to_list() == [None] * 3
    assert sorted(reading.unread) == [0, 1, 2]


def test_commune_codes_get_their_zeros_back() -> None:
    reading = read([1267.0, "1267", "07645", "-"], "commune_profile", "commune_code")
    assert reading.values.to_list() == ["01267", "01267", "07645", None]


def test_texts_are_composed_and_trimmed_but_never_dropped() -> None:
    reading = read(["a\u0301\xa0b ", 5.0, "-", "y" * 20_000], "household_review", "note")
    assert reading.values.to_list() == ["á b", "5", "-", "y" * 20_000]
