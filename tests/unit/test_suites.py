"""The suites are what the contracts and the rules give, nothing else."""

import csv
import json
import re

import pytest

from expectations.suites import RULES_DIR, SUITES_DIR, build_suite, suite_text
from ingestion.contract import Contract, load_contracts
from ingestion.rule import load_rules
from ingestion.settings import REFERENCE_DIR

CONTRACTS = list(load_contracts().values())
FIRST_RULES = {
    "household_review": {"HR-01", "HR-02", "HR-05"},
    "support_delivery": {"SD-01", "SD-02"},
    "credit_loan": {"CL-02"},
    "commune_profile": {"CP-01"},
}


@pytest.fixture(params=CONTRACTS, ids=lambda contract: contract.dataset)
def contract(request: pytest.FixtureRequest) -> Contract:
    assert isinstance(request.param, Contract)
    return request.param


def test_committed_suite_is_the_generated_one(contract: Contract) -> None:
    committed = (SUITES_DIR / f"{contract.dataset}.json").read_text(encoding="utf-8")
    assert committed == suite_text(contract), "run `python -m expectations.suites` and commit"


def test_there_is_no_suite_without_contract() -> None:
    assert {path.stem for path in SUITES_DIR.glob("*.json")} == set(load_contracts())


def test_every_expectation_names_rule_column_and_severity(contract: Contract) -> None:
    expectations = build_suite(contract)["expectations"]
    assert expectations
    for expectation in expectations:
        rule = load_rules()[expectation["meta"]["rule"]]
        assert set(rule.datasets) & {"*", contract.dataset}
        assert expectation["severity"] in (rule.severity, rule.optional_severity)
        column = expectation["meta"]["column"]
        assert column is None or contract.column(column)
        assert column == expectation["kwargs"].get("column")


def test_ids_are_unique_and_stable() -> None:
    ids = [item["id"] for contract in CONTRACTS for item in build_suite(contract)["expectations"]]
    assert len(set(ids)) == len(ids)
    assert ids == [item["id"] for contract in CONTRACTS for item in json.loads(suite_text(contract))["expectations"]]


def test_required_cells_ranges_patterns_codes_and_keys_are_judged(contract: Contract) -> None:
    expectations = build_suite(contract)["expectations"]
    judged = {(item["type"], item["meta"]["column"]) for item in expectations}
    for column in contract.columns:
        required = column.required and column.type != "flag"
        assert (("expect_column_cells_to_be_filled", column.name) in judged) is required
        ranged = column.minimum is not None or column.maximum is not None
        assert (("expect_column_values_to_be_between", column.name) in judged) is ranged
        assert (("expect_column_values_to_match_regex", column.name) in judged) is (column.pattern is not None)
        coded = column.codes is not None and column.type == "code"
        assert (("expect_column_values_to_be_in_set", column.name) in judged) is coded
        texts = [column.pattern or "", *(column.codes.codes if column.codes else ())]
        assert "%" not in "".join(texts), "Great Expectations doubles it in the query of the failing rows"
    rules = [item["meta"]["rule"] for item in expectations]
    assert rules.count("duplicate_key") == 1
    assert rules.count("unreadable_cell") == 2  # one that holds the row, one that warns


def test_the_first_business_rules_are_judged() -> None:
    for contract in CONTRACTS:
        judged = {item["meta"]["rule"] for item in build_suite(contract)["expectations"]}
        assert judged >= FIRST_RULES.get(contract.dataset, set())


def test_every_rule_file_is_the_rule_of_a_contract() -> None:
    named = {rule for contract in CONTRACTS for rule in contract.rules}
    named |= {f"{rule}.{contract.dataset}" for contract in CONTRACTS for rule in contract.rules}
    files = {path.stem for path in RULES_DIR.iterdir()}
    assert files
    assert files <= named


def test_rule_statements_select_what_a_finding_needs() -> None:
    for path in RULES_DIR.glob("*.sql"):
        statement = path.read_text(encoding="utf-8")
        assert "{batch}" in statement
        for name in ("submission_id", "sheet_name", "row_number", "column_name", "value"):
            assert re.search(rf"\b{name}\b", statement), f"{path.name}: {name}"


def test_derived_class_counts_every_deprivation_of_the_contract() -> None:
    statement = (RULES_DIR / "HR-02.sql").read_text(encoding="utf-8")
    counted = set(re.findall(r"\bdep_\w+", statement))
    assert counted == {column.name for column in load_contracts()["household_review"].columns if column.deprivation}


def test_derived_class_knows_every_kind_of_poverty_standard() -> None:
    """HR-02 tells the kinds apart by their figures: a standard with another rule in words needs another case there."""
    kinds = {
        "income alone": "poor: income <= poor_income; near-poor: income <= near_poor_income",
        "two lines": "poor: income <= poor_income, or income <= near_poor_income and deprivations >= 3;"
        " near-poor: income <= near_poor_income and deprivations < 3",
        "one line": "poor: income <= poor_income and deprivations >= 3;"
        " near-poor: income <= poor_income and deprivations < 3",
    }
    with (REFERENCE_DIR / "poverty_standard.csv").open(encoding="utf-8", newline="") as file:
        standards = list(csv.DictReader(file))
    assert standards
    for standard in standards:
        poor, near_poor = int(standard["poor_income_vnd"]), int(standard["near_poor_income_vnd"])
        assert poor <= near_poor
        kind = "income alone" if not standard["min_deprivations"] else "two lines" if poor < near_poor else "one line"
        assert standard["rule"] == kinds[kind], standard
        assert standard["min_deprivations"] in ("", "3")
