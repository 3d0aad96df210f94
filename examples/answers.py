"""Asks the warehouse the questions in `answers/*.sql`, prints what it says, and how to ask more."""

from decimal import Decimal
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from ingestion.local.airflow import ADMIN, Airflow
from ingestion.local.postgres import warehouse_url
from ingestion.settings import get_settings


def shown(value: object) -> str:
    """A value as a person reads it; a missing one as missing, never as zero."""
    if value is None:
        return "no data"
    return f"{value:,}" if isinstance(value, int | Decimal) else str(value)


def main() -> None:
    """Print every answer, then the addresses."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160
    url = warehouse_url(get_settings())
    with psycopg.connect(url) as connection:
        for question in sorted(Path(__file__).with_suffix("").glob("*.sql")):
            text = question.read_text(encoding="utf-8")
            cursor = connection.execute(text.encode())
            table = Table(title=text.splitlines()[0].removeprefix("-- "), title_justify="left", box=None)
            rows = cursor.fetchall()
            for position, column in enumerate(cursor.description or []):
                is_number = any(isinstance(row[position], int | Decimal) for row in rows)
                table.add_column(column.name, justify="right" if is_number else "left")
            for row in rows:
                table.add_row(*map(shown, row))
            console.print(table, "")
    airflow = Airflow(get_settings())
    console.print(f"Warehouse  {url}", soft_wrap=True)
    console.print(f"Airflow    {airflow.url}   user {ADMIN}, password {airflow.password}", soft_wrap=True)
    console.print("Stop it    make down")


if __name__ == "__main__":
    main()
