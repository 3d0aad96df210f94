"""What holds for every contract, whichever data set it declares."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from ingestion.code_list import load_code_list
from ingestion.contract import CONTRACTS_DIR, Column, Contract, heading_key, load_contracts
from ingestion.rule import load_rules
from ingestion.settings import REFERENCE_DIR
from ingestion.strict_yaml import load_yaml
from ingestion.text import fold

CONTRACTS = load_contracts()
RULES = load_rules()
COLUMNS = [(contract, column) for contract in CONTRACTS.values() for column in contract.columns]

DECLARED = """
household_review: household_code! head_name! head_sex! head_birth_date head_birth_date_precision head_ethnic_group!
  head_national_id commune_code commune_name village_name member_count! area_type! income_per_capita! dep_employment!
  dep_dependency! dep_nutrition! dep_health_insurance! dep_adult_education! dep_child_schooling! dep_housing_quality!
  dep_housing_area! dep_water! dep_toilet! dep_telecom! dep_information_means! dep_health_access! class_previous
  class_reported! movement_reported poverty_causes needs is_merit_family! has_social_protection_member!
  has_no_labour_capacity! registered_to_escape! has_temporary_house! note
household_member: household_code! person_no! full_name! sex! birth_date! birth_date_precision relation_to_head!
  ethnic_group! national_id has_health_insurance! is_studying! is_working! needs_vocational_training! needs_legal_aid!
  is_social_assistance_beneficiary!
commune_profile: commune_code! commune_name household_count! population! ethnic_minority_household_count!
  is_extremely_difficult! is_poor_commune! is_programme_135! is_safe_zone! has_paved_road! village_count!
  villages_with_hardened_road! villages_with_electricity! irrigation_need_ha! irrigation_met_ha! labour_force!
  trained_labour! vocationally_trained_labour! trained_and_employed! trained_in_year!
review_result: commune_name! commune_code household_count! population! poor_count! near_poor_count!
  average_living_count poor_persons! near_poor_persons! average_living_persons
poor_movement: commune_name! commune_code counted! start! to_near_poor! to_above! other_decrease from_near_poor!
  relapsed! new! other_increase end!
near_poor_movement: commune_name! commune_code counted! start! escaped! to_poor! other_decrease from_poor! relapsed!
  new! other_increase end!
support_delivery: support_id! policy_code! household_code! person_no status! decided_on delivered_on quantity amount
  funding_source
credit_loan: loan_id! credit_programme_code! household_code borrower_name! borrower_national_id transaction_office
  commune_name! commune_code association contracted_on! due_on term_months! annual_rate! funding_source
  disbursed_in_period! repaid_in_period! outstanding_in_term! overdue! frozen! outstanding!
programme_finance: project_code! funding_source! budget_kind! admin_unit_code! planned! allocated! disbursed!
capacity_activity: activity_id! kind! commune_code held_on! target_participants participants participating_households
  cost! funding_source
task_progress: task_code! status! percent_complete! due_on result
"""
"""The public names of the columns, `!` for required: raw tables, JSON reports and models rest on them."""


def test_the_columns_are_those_that_others_rest_on() -> None:
    declared = {name: columns.split() for name, columns in re.findall(r"^(\w+):((?:.|\n )+)", DECLARED, re.MULTILINE)}
    found = {
        contract.dataset: [column.name + "!" * column.required for column in contract.columns]
        for contract in CONTRACTS.values()
    }
    assert found == declared


@pytest.mark.parametrize("dataset", CONTRACTS)
def test_the_document_is_of_the_standard(dataset: str) -> None:
    document: Any = load_yaml(CONTRACTS_DIR / f"{dataset}.yaml")
    schema = json.loads((files("open_data_contract_standard") / "schema.json").read_text(encoding="utf-8"))
    validator: Any = jsonschema.validators.validator_for(schema)
    assert [error.message for error in validator(schema).iter_errors(document)] == []


@pytest.mark.parametrize("dataset", CONTRACTS)
def test_rules_and_contracts_name_each_other(dataset: str) -> None:
    assert CONTRACTS[dataset].rules == tuple(rule.id for rule in RULES.values() if dataset in rule.datasets)
    assert CONTRACTS[dataset].rules


def test_rules_for_every_data_set_are_there() -> None:
    everywhere = {rule.id: (rule.level, rule.severity) for rule in RULES.values() if rule.datasets == ("*",)}
    assert everywhere == {
        "unreadable_cell": ("cell", "critical"),
        "missing_required": ("cell", "critical"),
        "unknown_code": ("cell", "critical"),
        "out_of_range": ("cell", "critical"),
        "duplicate_key": ("row", "critical"),
        "unknown_heading": ("file", "warning"),
        "missing_column": ("file", "reject"),
        "not_recognised": ("file", "reject"),
        "wrong_sender": ("file", "reject"),
        "wrong_period": ("file", "reject"),
        "no_rows": ("file", "reject"),
        "unreadable_file": ("file", "reject"),
        "too_many_held": ("file", "reject"),
        "total_mismatch": ("file", "warning"),
    }
    assert RULES["unreadable_cell"].severity_for(required=False) == "warning"
    assert RULES["unknown_code"].severity_for(required=False) == "warning"


@pytest.mark.parametrize("rule_id", RULES)
def test_a_message_is_a_sentence_without_a_person(rule_id: str) -> None:
    rule = RULES[rule_id]
    vietnamese, english = rule.message(**dict.fromkeys(rule.placeholders, "0"))
    assert vietnamese != english
    assert vietnamese[-1] in ".?!"
    assert english[-1] in ".?!"
    personal = {column.name for _, column in COLUMNS if column.personal}
    assert personal
    assert not personal & set(rule.placeholders)


@pytest.mark.parametrize("dataset", CONTRACTS)
def test_every_heading_means_one_column(dataset: str) -> None:
    """Also where a reader leaves out accents, punctuation and what stands in brackets."""
    owners: dict[str, str] = {}
    headings = [(column, heading) for column in CONTRACTS[dataset].columns for heading in column.headings]
    assert headings
    for column, heading in headings:
        for form in (heading, re.sub(r"\([^)]*\)", "", heading)):
            assert heading_key(form), heading
            assert owners.setdefault(heading_key(form), column.name) == column.name, heading


@pytest.mark.parametrize("dataset", CONTRACTS)
def test_headings_tell_the_data_set_from_the_others(dataset: str) -> None:
    """Its required columns under their own headings are not enough to be taken for another data set."""
    own = {heading_key(column.heading) for column in CONTRACTS[dataset].columns if column.required}
    for other in CONTRACTS.values():
        needed = [column for column in other.columns if column.required and column.type != "flag"]
        met = [column for column in needed if own & {heading_key(heading) for heading in column.headings}]
        assert (len(met) == len(needed)) == (other.dataset == dataset), other.dataset


@pytest.mark.parametrize(("contract", "column"), COLUMNS, ids=lambda value: getattr(value, "name", None))
def test_a_column_is_declared_in_full(contract: Contract, column: Column) -> None:
    assert column.description
    assert "%" not in column.description  # goes into a statement of a driver that takes it for a placeholder
    assert fold(column.heading)
    assert column.name in column.headings or column.derived
    assert (column.codes is None) == (column.type not in ("code", "code_list"))
    if column.code_list and "." not in column.code_list:
        assert load_code_list(column.code_list) is column.codes
    if column.type in ("amount", "decimal", "integer"):
        assert column.minimum is not None
    if column.type == "amount":
        assert column.unit in ("VND", "VND per person per month")
    if re.search(r"name$|birth_date$|national_id$", column.name) and not column.name.startswith(("commune", "village")):
        assert column.personal, contract.dataset
    vietnamese, english = column.expected
    assert vietnamese != english


WITH_ALIASES = [
    path for path in sorted(REFERENCE_DIR.glob("*.csv")) if "aliases" in path.read_text("utf-8").split("\n")[0]
]


@pytest.mark.parametrize("path", WITH_ALIASES, ids=lambda path: path.stem)
def test_a_list_with_aliases_is_a_code_list(path: Path) -> None:
    codes = load_code_list(path.stem)
    assert len(codes.lookup) > 2 * len(codes.entries)
