"""Every rule against its examples (`expectations/examples`), on a real PostgreSQL, by the real reader and gate."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest
from psycopg.rows import dict_row
from raw_reports import Connection, load_reference_lists, remove_reports, submit

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
from ingestion.read import read_file
from ingestion.rule import load_rules
from ingestion.warehouse import prepare


@pytest.fixture(scope="module")
def connection(warehouse_url: str) -> Iterator[Connection]:
    """A prepared warehouse with every reference list."""
    prepare(warehouse_url)
    with psycopg.connect(warehouse_url, autocommit=True) as made:
        load_reference_lists(made)
        yield made


def load(connection: Connection, examples: Examples, example: Example) -> int:
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


def judged(connection: Connection, url: str, home: Path, examples: Examples, example: Example) -> list[dict[str, Any]]:
    """The rule's findings on an example, which the gate judges in a warehouse that holds nothing else."""
    remove_reports(connection)
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
    connection: Connection,
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
