"""The province of the benchmark, in small: as many rows as asked for, in books that balance."""

import psycopg
from province import Size, make_province
from raw_reports import load_reference_lists

from ingestion.contract import load_contracts
from ingestion.warehouse import prepare

SCALE = 0.02


def test_a_small_province_has_all_data_sets_and_its_books_balance(warehouse_url: str) -> None:
    prepare(warehouse_url)
    with psycopg.connect(warehouse_url) as connection:
        load_reference_lists(connection)
    # 2021 has two poverty standards, 2025 two systems of units
    made = make_province(warehouse_url, scale=SCALE, first_year=2021, last_year=2025)
    assert set(made) == set(load_contracts())
    assert all(made.values())
    size = Size()
    assert made["support_delivery"] >= SCALE * size.supports
    assert 0.8 < made["credit_loan"] / (SCALE * size.loan_quarters) < 1.2
    with psycopg.connect(warehouse_url) as connection:
        years = connection.execute(
            "select period_code, standard_code, count(*) from accepted.household_review group by 1, 2 order by 1, 2"
        ).fetchall()
        assert len(years) == 6
        assert [year for year, _, _ in years].count("2021") == 2
        assert all(0.7 < rows / (SCALE * size.households_of_a_year) < 1.3 for _, _, rows in years)
        for dataset, rows in made.items():
            assert connection.execute(
                "select sum(row_count), sum(held_row_count) from ops.submission where dataset = %s", [dataset]
            ).fetchone() == (
                rows,
                rows - (connection.execute(f"select count(*) from accepted.{dataset}".encode()).fetchone() or (0,))[0],
            )
        (unbalanced,) = connection.execute(
            "select count(*) from accepted.credit_loan as this inner join accepted.credit_loan as last"
            " on this.loan_id = last.loan_id and last.period_end = (date_trunc('quarter', this.period_end) - interval"
            " '1 day')::date where last.outstanding + this.disbursed_in_period - this.repaid_in_period"
            " <> this.outstanding"
        ).fetchone() or (0,)
        assert unbalanced <= 0.01 * made["credit_loan"]
