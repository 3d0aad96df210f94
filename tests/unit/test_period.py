"""Periods: codes, their days, and what titles say."""

from datetime import date

import pytest

from ingestion.period import Period


@pytest.mark.parametrize(
    ("code", "cadence", "start", "end", "previous"),
    [
        ("2022", "A", date(2022, 1, 1), date(2022, 12, 31), "2021"),
        ("2022-S1", "S", date(2022, 1, 1), date(2022, 6, 30), "2021-S2"),
        ("2022-S2", "S", date(2022, 7, 1), date(2022, 12, 31), "2022-S1"),
        ("2022-Q1", "Q", date(2022, 1, 1), date(2022, 3, 31), "2021-Q4"),
        ("2024-Q2", "Q", date(2024, 4, 1), date(2024, 6, 30), "2024-Q1"),
        ("2022-Q4", "Q", date(2022, 10, 1), date(2022, 12, 31), "2022-Q3"),
    ],
)
def test_code(code: str, cadence: str, start: date, end: date, previous: str) -> None:
    period = Period.parse(code)
    assert (period.code, period.cadence, period.year, period.start, period.end, period.previous) == (
        code,
        cadence,
        2022 if code != "2024-Q2" else 2024,
        start,
        end,
        previous,
    )


@pytest.mark.parametrize(
    "code",
    [
        "",
        "22",
        "2022-Q5",
        "2022-Q0",
        "2022-q1",
        "2022-S3",
        "2022Q1",
        "2022-1",
        "2022-12",
        " 2022",
        "2022\n",
        "20222",
        "0022",
    ],
)
def test_anything_else_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="is not a period"):
        Period.parse(code)


def test_periods_in_order() -> None:
    codes = ["2022-Q1", "2022-Q2", "2022-S1", "2022-Q3", "2022-Q4", "2022-S2", "2022", "2023-Q1"]
    assert [period.code for period in sorted(map(Period.parse, reversed(codes)))] == codes


def test_the_previous_of_a_period_is_a_period_that_ends_the_day_before() -> None:
    for code in ("2022", "2022-S1", "2022-S2", "2022-Q1", "2022-Q3"):
        period = Period.parse(code)
        assert (period.start - Period.parse(period.previous).end).days == 1


@pytest.mark.parametrize(
    ("title", "code"),
    [
        ("Kỳ báo cáo: Quý I năm 2022", "2022-Q1"),
        ("KỲ BÁO CÁO: QUÝ III NĂM 2022", "2022-Q3"),
        ("Kỳ báo cáo: Quy\u0301 II na\u0306m 2022", "2022-Q2"),
        ("Quy I nam 2022", "2022-Q1"),
        ("(Quý II, năm 2024)", "2024-Q2"),
        ("Quý 4/2023", "2023-Q4"),
        ("quý IV-2023", "2023-Q4"),
        ("quý IV – 2023", "2023-Q4"),
        ("Q1/2022", "2022-Q1"),
        ("2022-Q1", "2022-Q1"),
        ("Kỳ báo cáo: 2022-S2", "2022-S2"),
        ("6 tháng đầu năm 2022", "2022-S1"),
        ("Sáu\u00a0tháng  cuối năm 2023", "2023-S2"),
        ("Năm 2022", "2022"),
        ("Năm báo cáo: 2022", "2022"),
        ("2022", "2022"),
        ("Kỳ báo cáo: 2022", "2022"),
        ("12 tháng năm 2023", "2023"),
        ("DANH SÁCH KẾT QUẢ RÀ SOÁT HỘ NGHÈO, HỘ CẬN NGHÈO NĂM 2023", "2023"),
        ("Kết quả năm 2021 theo chuẩn nghèo giai đoạn 2016-2020", "2021"),
    ],
)
def test_title_names_a_period(title: str, code: str) -> None:
    assert Period.from_title(title) == code


@pytest.mark.parametrize(
    "title",
    [
        "",
        "DANH SÁCH KẾT QUẢ RÀ SOÁT HỘ NGHÈO",
        "Bắc Giang, ngày 14 tháng 12 năm 2022",
        "Tính đến 31 tháng 12 năm 2022",
        "Tháng 3 năm 2023",
        "tháng 3/2023",
        "ngày 31/12/2022",
        "giai đoạn 2021-2025",
        "năm 2022 - 2025",
        "năm học 2022-2023",
        "Nghị định 07/2021/NĐ-CP",
        "9 tháng đầu năm 2023",
        "9 tháng năm 2023",
        "Quý III",
        "quý 12 năm 2022",
        "Quý IV và cả năm 2022",
        "Quý 1 năm 2022 và Quý 2 năm 2022",
        "Tổng số hộ: 2022",
    ],
)
def test_title_names_none_or_several(title: str) -> None:
    assert Period.from_title(title) is None
