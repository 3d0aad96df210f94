"""Every rule against its examples (`expectations/examples`), on a real PostgreSQL, by the real reader and gate."""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest
import yaml
from psycopg import sql
from psycopg.rows import dict_row

from expectations import gate
from expectations.example import (
    FIRST_ROW,
    SHEET,
    TODAY,
    Example,
    Examples,
    default_sender,
    examples_files,
    load_examples,
)
from expectations.suites import SUITES_DIR
from ingestion.contract import load_contracts
from ingestion.period import Period
from ingestion.read import read_file
from ingestion.rule import load_rules
from ingestion.settings import REFERENCE_DIR
from ingestion.warehouse import prepare


@pytest.fixture(scope="module")
def connection(warehouse_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A prepared warehouse with every reference list."""
    prepare(warehouse_url)
    with psycopg.connect(warehouse_url, autocommit=True) as made:
        for seed in yaml.safe_load((REFERENCE_DIR / "reference.yml").read_text(encoding="utf-8"))["seeds"]:
            table = sql.Identifier("reference", seed["name"])
            columns = [
                sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))
                for name, kind in seed["config"]["column_types"].items()
            ]
            made.execute(sql.SQL("create table {} ({})").format(table, sql.SQL(", ").join(columns)))
            with made.cursor().copy(sql.SQL("copy {} from stdin (format csv, header)").format(table)) as copy:
                copy.write((REFERENCE_DIR / f"{seed['name']}.csv").read_bytes())
        yield made


def submit(
    connection: psycopg.Connection[Any],
    dataset: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    sender: str,
    period: str,
    standard: str,
    status: str = "received",
    layout: str = "",
) -> int:
    """Load rows as a report, as the reader would; a status in force is that of a report judged before."""
    cursor = connection.execute(
        "insert into ops.submission (sender_code, dataset, period_code, period_end, standard_code, revision, sha256,"
        " file_name, status_code, verdict_code, row_count, layout, code_version, received_at)"
        " values (%s, %s, %s, %s, %s, 1, gen_random_uuid()::text, 'f.xlsx', %s, nullif(%s, 'received'), %s, %s, '1',"
        " now()) returning submission_id",
        [sender, dataset, period, Period.parse(period).end, standard, status, status, len(rows), layout],
    )
    (submission_id,) = cursor.fetchone() or (0,)
    for number, row in enumerate(rows, start=FIRST_ROW):
        values = {"submission_id": submission_id, "sheet_name": SHEET, "row_number": number}
        values |= {name: Decimal(str(value)) if isinstance(value, float) else value for name, value in row.items()}
        connection.execute(
            sql.SQL("insert into raw.{} ({}) values ({})").format(
                sql.Identifier(dataset),
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join(sql.Placeholder() * len(values)),
            ),
            list(values.values()),
        )
    return int(submission_id)


def load(connection: psycopg.Connection[Any], examples: Examples, example: Example) -> int:
    """Load what an example is given, accepted, and the example itself, to be judged."""
    standard = examples.standard if example.standard is None else example.standard
    given_under = [
        *((given, examples.standard) for given in examples.given),
        *((given, standard) for given in example.given),
    ]
    for given, default_standard in given_under:
        same = given.dataset == examples.dataset
        submission_id = submit(
            connection,
            given.dataset,
            given.rows,
            sender=given.sender or default_sender(given.dataset),
            period=given.period,
            standard=given.standard if given.standard is not None else default_standard if same else "",
            status="accepted",
        )
        for row in given.held:
            connection.execute(
                "insert into ops.finding (submission_id, found_by, rule, severity, sheet_name, row_number, message_vi,"
                " message_en) values (%s, 'judge', 'out_of_range', 'critical', %s, %s, 'a', 'b')",
                [submission_id, SHEET, FIRST_ROW - 1 + row],
            )
    submission_id = submit(
        connection,
        examples.dataset,
        [examples.base | row for row in example.rows],
        sender=example.sender or examples.default_sender,
        period=example.period or examples.period,
        standard=standard,
        layout=example.layout,
    )
    for cell in example.unread:
        connection.execute(
            "insert into raw.unread_cell values (%s, %s, %s, %s, %s, null, %s, %s, 'một giá trị', 'a value')",
            [submission_id, SHEET, FIRST_ROW - 1 + cell.row, cell.column, examples.dataset, cell.value, cell.rule],
        )
    return submission_id


def judged(
    connection: psycopg.Connection[Any], url: str, home: Path, examples: Examples, example: Example
) -> list[dict[str, Any]]:
    """The rule's findings on an example, which the gate judges in a warehouse that holds nothing else."""
    tables = ["raw.unread_cell", "raw.column_position", "ops.finding", "ops.conservation", "ops.submission"]
    tables += [f"raw.{dataset}" for dataset in load_contracts()]
    connection.execute(f"truncate {', '.join(tables)} cascade".encode())
    submission_id = load(connection, examples, example)
    gate.judge(examples.dataset, [submission_id], url=url, home=home)
    with connection.cursor(row_factory=dict_row) as cursor:
        findings = cursor.execute(
            "select row_number - %s as row_number, column_name, message_vi from ops.finding"
            " where submission_id = %s and rule = %s",
            [FIRST_ROW - 1, submission_id, examples.rule],
        )
        return findings.fetchall()


def read(folder: Path, examples: Examples, example: Example) -> list[dict[str, Any]]:
    """The rule's findings of the reader on an example of cells or text."""
    path = folder / example.file
    if example.text is not None:
        path.write_text(example.text, encoding="utf-8")
    else:
        workbook = openpyxl.Workbook()
        for cells in example.cells:
            workbook.worksheets[0].append(cells)
        workbook.save(path)
    reports = read_file(
        path,
        sender_code=example.sender or examples.default_sender,
        period_code=example.period or examples.period,
        today=TODAY,
    )
    return [
        {"row_number": finding.row_number, "column_name": finding.column_name, "message_vi": finding.message_vi}
        for report in reports
        for finding in report.findings
        if finding.rule == examples.rule
    ]


def check(example: Example, findings: Sequence[Mapping[str, Any]]) -> None:
    """The findings are those that the example expects, no more and no fewer."""
    found = sorted((finding["row_number"] or 0, finding["column_name"] or "") for finding in findings)
    expected = sorted((finding.row or 0, finding.column or "") for finding in example.findings)
    assert found == expected, f"{example.why}: {[finding['message_vi'] for finding in findings]}"
    for wanted in example.findings:
        messages = [
            finding["message_vi"]
            for finding in findings
            if (finding["row_number"], finding["column_name"]) == (wanted.row, wanted.column)
        ]
        assert any((wanted.says or "") in message for message in messages), f"{example.why}: {messages}"


@pytest.mark.parametrize("path", examples_files(), ids=lambda path: path.stem)
def test_rule_finds_what_its_examples_say(
    path: Path,
    connection: psycopg.Connection[Any],
    warehouse_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    examples = load_examples(path)
    rule = load_rules()[examples.rule]
    if "*" not in rule.datasets:  # the gate runs this rule alone, which is much faster
        suite = json.loads((SUITES_DIR / f"{examples.dataset}.json").read_text(encoding="utf-8"))
        suite["expectations"] = [item for item in suite["expectations"] if item["meta"]["rule"] == rule.id]
        monkeypatch.setattr(gate, "SUITES_DIR", tmp_path)
        (tmp_path / f"{examples.dataset}.json").write_text(json.dumps(suite), encoding="utf-8")
    for example in examples.all:
        if example.is_read:
            check(example, read(tmp_path, examples, example))
        else:
            check(example, judged(connection, warehouse_url, tmp_path, examples, example))
