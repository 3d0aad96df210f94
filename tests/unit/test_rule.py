"""The catalogue of rules: read strictly, and messages that say everything or fail."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ingestion.rule import RuleError, load_rules

RULE = """
  - id: {id}
    datasets: {datasets}
    level: {level}
    severity: critical
    owner: sender
    statement_vi: Câu
    statement_en: Statement
    action_vi: Sửa
    action_en: Correct
    message_vi: {message_vi}
    message_en: {message_en}
    placeholders: {placeholders}
{more}"""


def catalogue(folder: Path, more: str = "", **changes: str) -> Path:
    parts = {
        "id": "HR-01",
        "datasets": "[household_review]",
        "level": "cell",
        "message_vi": "'Ghi {value}'",
        "message_en": "'Write {value}'",
        "placeholders": "[value]",
    }
    path = folder / "rules.yaml"
    path.write_text("rules:" + RULE.format(**(parts | changes), more=more), encoding="utf-8")
    return path


def test_a_rule_says_who_acts_and_how_hard_it_is(tmp_path: Path) -> None:
    rule = load_rules(catalogue(tmp_path, "    optional_severity: warning\n    threshold_percent: 20\n"))["HR-01"]
    assert rule.datasets == ("household_review",)
    assert rule.severity_for(required=True) == "critical"
    assert rule.severity_for(required=False) == "warning"
    assert rule.threshold == Decimal("0.2")
    assert rule.owner == "sender"


def test_an_optional_column_is_judged_alike_unless_the_rule_says_otherwise(tmp_path: Path) -> None:
    assert load_rules(catalogue(tmp_path))["HR-01"].severity_for(required=False) == "critical"


@pytest.mark.parametrize(
    ("value", "vietnamese", "english"),
    [
        ("07", "Ghi 07", "Write 07"),
        (None, "Ghi (trống)", "Write (empty)"),
        (date(2022, 3, 1), "Ghi 01/03/2022", "Write 01/03/2022"),
        (Decimal("1500000"), "Ghi 1.500.000", "Write 1,500,000"),
        (Decimal("1234.50"), "Ghi 1.234,50", "Write 1,234.50"),
        (Decimal("1E+6"), "Ghi 1.000.000", "Write 1,000,000"),
        (2022, "Ghi 2022", "Write 2022"),
        (("một", "one"), "Ghi một", "Write one"),
        ("{braces}", "Ghi {braces}", "Write {braces}"),
    ],
)
def test_message(tmp_path: Path, value: object, vietnamese: str, english: str) -> None:
    assert load_rules(catalogue(tmp_path))["HR-01"].message(value=value) == (vietnamese, english)


@pytest.mark.parametrize("fields", [{}, {"column": "x"}, {"value": 1, "column": "x"}])
def test_a_message_without_its_fields_fails(tmp_path: Path, fields: dict[str, object]) -> None:
    rule = load_rules(catalogue(tmp_path))["HR-01"]
    with pytest.raises(RuleError, match="rule HR-01: a message needs value"):
        rule.message(**fields)


@pytest.mark.parametrize(
    ("changes", "more", "complaint"),
    [
        ({}, "    colour: red\n", r"rules\[HR-01\]\.colour: unknown key"),
        ({}, "    level: row\n", "the key 'level' stands twice"),
        ({"id": "hr1"}, "", r"rules\[hr1\]\.id: String should match"),
        ({"level": "column"}, "", r"rules\[HR-01\]\.level: Input should be 'cell', 'row'"),
        ({"datasets": "[]"}, "", r"rules\[HR-01\]\.datasets: List should have at least 1"),
        ({"datasets": "['*', household_review]"}, "", r"datasets: expected '\*' alone"),
        ({"datasets": "[household_review, household_review]"}, "", "each data set once"),
        ({"message_en": "'Write it'"}, "", r"message_en: uses \[\], expected the placeholders \['value'\]"),
        ({"message_vi": "'Ghi {value} ở {column}'"}, "", r"message_vi: uses \['column', 'value'\]"),
        ({"message_vi": "'Ghi {value:d}'"}, "", "without format or conversion"),
        ({"message_vi": "'Ghi {value!r}'"}, "", "without format or conversion"),
        ({"message_vi": "'Ghi {value'"}, "", "message_vi: not a template"),
        ({"placeholders": "value"}, "", "placeholders: Input should be a valid list"),
        ({"level": "row"}, "    optional_severity: warning\n", "optional_severity: only for a rule of a cell"),
        ({}, "    threshold_percent: 101\n", "threshold_percent"),
        ({}, "    threshold_percent: 20.5\n", "threshold_percent: Input should be a valid integer"),
        ({"message_vi": "''"}, "", "message_vi: String should have at least 1 character"),
    ],
)
def test_a_wrong_catalogue_is_refused(tmp_path: Path, changes: dict[str, str], more: str, complaint: str) -> None:
    with pytest.raises(RuleError, match=complaint) as caught:
        load_rules(catalogue(tmp_path, more, **changes))
    assert str(caught.value).startswith("rules.yaml: ")


def test_an_id_twice_is_refused(tmp_path: Path) -> None:
    path = catalogue(tmp_path)
    path.write_text(path.read_text("utf-8") + path.read_text("utf-8").removeprefix("rules:"), encoding="utf-8")
    with pytest.raises(RuleError, match="a rule of this id stands already"):
        load_rules(path)


def test_an_empty_catalogue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("rules: []\n", encoding="utf-8")
    with pytest.raises(RuleError, match="at least 1 item"):
        load_rules(path)
