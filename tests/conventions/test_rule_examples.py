"""A rule cannot be added without its examples, nor an example without its rule."""

from pathlib import Path

import pytest

from expectations.example import EXAMPLES_DIR, examples_files, load_examples
from ingestion.rule import load_rules
from ingestion.strict_yaml import DeclarationError

GOOD = """
rule: HR-05
dataset: household_review
period: "2022"
base: {household_code: 07645-00001}
passes: [{why: a, rows: [{}]}, {why: b, rows: [{}]}]
fails:
  - {why: c, rows: [{}], findings: [{row: 1, column: poverty_causes}]}
  - {why: d, rows: [{}], findings: [{row: 1, column: poverty_causes}]}
"""


def test_every_rule_has_its_examples_and_every_example_its_rule() -> None:
    assert {load_examples(path).rule for path in examples_files()} == set(load_rules())


def test_examples_are_well_named_files() -> None:
    assert {path.suffix for path in EXAMPLES_DIR.iterdir()} == {".yaml"}


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("rule: HR-05", "rule: HR-99", "HR-99 is not in the catalogue"),
        ("dataset: household_review", "dataset: credit_loan", "credit_loan is none that HR-05 judges"),
        ('"2022"', '"2022-X1"', "'2022-X1' is not a period"),
        ("household_code:", "household:", "raw.household_review has no column household"),
        ("why: b", "why: a", "a: two examples of this name"),
        ("passes: [{why: a, rows: [{}]}, ", "passes: [", "passes: List should have at least 2 items"),
        ("why: b, rows: [{}]", "why: b", "expected one of rows, cells and text"),
        ("why: c, rows: [{}], findings: [{row: 1, column: poverty_causes}]", "why: c, rows: [{}]",
         r"fails\[c\]: expected findings"),
        ("why: a, rows: [{}]", "why: a, rows: [{}], findings: [{row: 1, column: note}]", r"passes\[a\]: expected no"),
        ("{row: 1, column: poverty_causes}", "{row: 2, column: poverty_causes}", "there is no row 2"),
        ("{row: 1, column: poverty_causes}", "{row: 1, column: causes}", "unknown column causes"),
        ("base:", "basis:", "basis: unknown key"),
    ],
)  # fmt: skip
def test_wrong_examples_are_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = tmp_path / "HR-05.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_examples(path).rule == "HR-05"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(DeclarationError, match=complaint):
        load_examples(path)


def test_a_file_is_named_after_its_rule(tmp_path: Path) -> None:
    path = tmp_path / "HR-06.yaml"
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(DeclarationError, match=r"expected the name HR-05\.yaml or HR-05\.household_review\.yaml"):
        load_examples(path)
