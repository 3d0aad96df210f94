"""The dbt project's own rules: layers, names, one yml beside each model, the grammar of columns, one home per fact."""

import csv
import re
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.contract import load_contracts
from ingestion.settings import PROJECT_DIR, REFERENCE_DIR

DBT = PROJECT_DIR / "dbt_project"
MODELS = sorted((DBT / "models").rglob("*.sql"))
MARTS = [path for path in MODELS if {"marts", "vault"} & set(path.relative_to(DBT).parts)]
REPORTS = [path for path in MODELS if "reports" in path.relative_to(DBT).parts]
SEEDS = sorted(REFERENCE_DIR.glob("*.csv"))
LAYER_OF = {path.stem: path.relative_to(DBT / "models").parts[0] for path in MODELS} | {
    path.stem: "seeds" for path in SEEDS
}
MAY_READ = {
    "staging": {"source"},
    "intermediate": {"staging", "intermediate", "seeds"},
    "marts": {"staging", "intermediate", "marts", "indicators", "seeds"},
    # sums over the public facts: between the marts that they read and the ones that read them
    "indicators": {"intermediate", "marts", "indicators", "seeds"},
    "vault": {"staging", "intermediate", "marts", "vault"},
    # a view of the build becomes a view of the public tables, and of nothing else
    "reports": {"marts", "reports", "indicators"},
}
# Selects that are part of what reads them, of a table and of a public view alike: they read public tables alone.
INDICATOR_ROWS = [path for path in MODELS if path.parent.name == "rows"]
NAME = {
    "staging": r"stg_(?P<dataset>[a-z_]+)",
    "intermediate": r"int_{folder}__[a-z_]+",
    "marts": r"(dim|fct|bridge)_[a-z_]+",
    "vault": r"vault_[a-z_]+",
    "reports": r"rpt_[a-z0-9_]+",
    "indicators": r"ind_[a-z_]+",
}

# What a suffix or prefix says about the type, and the other way round.
TYPE_OF_SUFFIX = {
    "_code": {"text"},
    "_key": {"text"},
    "_name": {"text"},
    "_id": {"text", "bigint"},
    "_on": {"date"},
    "_date": {"date"},
    "_at": {"timestamp with time zone"},
    "_count": {"integer", "bigint"},
    "_vnd": {"numeric"},
    "_rate": {"numeric"},
    "_year": {"integer"},
    "_rank": {"bigint"},
}
FREE_NAMES = {
    # named by the public contract of the warehouse
    *("code", "level", "name", "system", "valid_from", "valid_to", "how", "cadence", "year", "area_type"),
    *("admin_unit_level", "person_no", "quantity", "term_months", "registered_to_escape", "row_number"),
    *("numerator", "denominator", "value", "target_low", "target_high"),
    *("baseline_value", "indicator_value", "distance", "path_from_value", "pace_so_far", "pace_required"),
    *("poor_rate_reduction", "rank_sum", "due_text"),
    *("dataset", "revision", "sha256", "rows_sent", "rows_held", "days_late"),
    *("sex", "age", "needs_vocational_training", "needs_legal_aid", "result_text", "counted"),
    *("poor_row_number", "near_poor_row_number"),
    *("declared_population", "gap_population"),
    # commune profile: as sent
    *("population", "labour_force", "trained_labour", "vocationally_trained_labour", "trained_in_year"),
    *("trained_and_employed", "villages_with_hardened_road", "villages_with_electricity"),
    *("irrigation_need_ha", "irrigation_met_ha"),
    # of the reference lists: words, not codes
    *("name_vi", "name_en", "aliases", "legal_source", "rule_text", "numerator_text", "denominator_text", "grain_text"),
    *("unit", "source_datasets", "source_document", "source_note", "document_number", "form_number"),
    "entitled_class_codes",
}

# Both sides of a candidate of identity, and why it is one.
FREE_NAMES |= {f"{side}_{column}" for side in ("first", "second") for column in ("dataset", "person_no", "row_number")}
FREE_NAMES |= {"reason_vi", "reason_en"}

# The nine columns of the two official forms of movement: as counted, as declared, and the gap between both.
FREE_NAMES |= {
    f"{kind}{form}_{column}"
    for kind in ("", "declared_", "gap_")
    for form, own in (
        ("poor", ("to_near_poor", "to_above", "from_near_poor")),
        ("near_poor", ("escaped", "to_poor", "from_poor")),
    )
    for column in (*own, "start", "other_decrease", "relapsed", "new", "other_increase", "end")
}
# the share of a divided commune: of 1, not of 100
FREE_NAMES.add("share")
# the start of a year beside the end of the year before
FREE_NAMES |= {"poor_end_before", "near_poor_end_before", "start_gap_poor", "start_gap_near_poor"}


def declared(path: Path) -> dict[str, Any]:
    """The one model that stands in the yml beside a model's SQL."""
    document = yaml.safe_load(path.with_suffix(".yml").read_text(encoding="utf-8"))
    (model,) = document["models"]
    assert isinstance(model, dict)
    return model


def reads(path: Path) -> set[tuple[str, str]]:
    """What a model reads, as (layer, name)."""
    text = path.read_text(encoding="utf-8")
    refs = set(re.findall(r"ref\('([a-z0-9_]+)'\)", text))
    # names put together in a loop: all that begin so
    prefixes = tuple(re.findall(r"ref\('([a-z0-9_]+)' ~", text))
    refs |= {name for name in LAYER_OF if prefixes and name.startswith(prefixes)}
    sources = {("source", name) for name in re.findall(r"source\('[a-z]+', '([a-z_]+)'\)", text)}
    return {(LAYER_OF[name], name) for name in refs} | sources


def test_there_is_something_to_check() -> None:
    assert len(MODELS) > 40
    assert len(MARTS) > 20
    assert len(SEEDS) > 10


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_model_reads_only_what_its_layer_may(path: Path) -> None:
    found = reads(path)
    assert found, "a model that reads nothing"
    assert {layer for layer, _ in found} <= MAY_READ[LAYER_OF[path.stem]]


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_name_tells_layer_and_domain(path: Path) -> None:
    pattern = NAME[LAYER_OF[path.stem]].format(folder=path.parent.name)
    match = re.fullmatch(pattern, path.stem)
    assert match
    if dataset := match.groupdict().get("dataset"):
        assert re.sub("_(held|sent)$", "", dataset) in {*load_contracts(), "submission"}


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_yml_stands_beside_each_model_and_opens_with_the_grain(path: Path) -> None:
    model = declared(path)
    assert model["name"] == path.stem
    assert model["description"].startswith("One row per ")


def test_no_yml_stands_without_its_model() -> None:
    of_no_model = {DBT / "models" / name for name in ("staging/sources", "exposures", "semantic_models")}
    ymls = {path.with_suffix("") for path in (DBT / "models").rglob("*.yml")}
    assert ymls == {path.with_suffix("") for path in MODELS} | of_no_model


@pytest.mark.parametrize("path", MARTS, ids=lambda path: path.stem)
def test_a_mart_declares_its_key_and_every_column(path: Path) -> None:
    model = declared(path)
    assert "primary_key" in {constraint["type"] for constraint in model["constraints"]}
    for column in model["columns"]:
        assert column["data_type"], column["name"]
        assert column["description"], column["name"]


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_a_report_describes_every_column(path: Path) -> None:
    for column in declared(path)["columns"]:
        assert column["data_type"], column["name"]
        assert column["description"], column["name"]


def test_contracts_are_enforced_on_marts_and_nowhere_switched_off() -> None:
    project = yaml.safe_load((DBT / "dbt_project.yml").read_text(encoding="utf-8"))
    for layer in ("marts", "vault", "reports"):
        settings = project["models"]["chungtay"][layer]
        assert settings["+contract"] == {"enforced": True}
        assert settings["+persist_docs"] == {"relation": True, "columns": True}
    assert not any("contract" in declared(path).get("config", {}) for path in (*MARTS, *REPORTS))


@pytest.mark.parametrize("path", MARTS, ids=lambda path: path.stem)
def test_columns_follow_one_grammar(path: Path) -> None:
    for column in declared(path)["columns"]:
        name, data_type = column["name"], column["data_type"]
        if data_type == "boolean":
            assert name.startswith(("is_", "has_")) or name in FREE_NAMES, name
            continue
        assert not name.startswith(("is_", "has_")), name
        if name in FREE_NAMES:
            continue
        suffix = next((suffix for suffix in TYPE_OF_SUFFIX if name.endswith(suffix)), None)
        assert suffix, f"{name}: no suffix of the grammar"
        assert data_type in TYPE_OF_SUFFIX[suffix], f"{name}: {data_type}"


def test_the_same_quantity_has_the_same_type_everywhere() -> None:
    types: dict[str, set[str]] = {}
    for path in MARTS:
        for column in declared(path)["columns"]:
            types.setdefault(column["name"], set()).add(column["data_type"])
    assert {name: found for name, found in types.items() if len(found) > 1} == {}


@pytest.mark.parametrize("path", sorted((DBT / "tests").rglob("*.sql")), ids=lambda path: path.stem)
def test_a_data_test_says_what_when_and_how_to_resolve(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for part in ("What: ", "When: ", "How to resolve: "):
        assert part in text


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_a_seed_declares_the_type_of_every_column(path: Path) -> None:
    seeds = yaml.safe_load((DBT / "seeds" / "reference.yml").read_text(encoding="utf-8"))["seeds"]
    (seed,) = [seed for seed in seeds if seed["name"] == path.stem]
    assert seed["description"].startswith("One row per ")
    assert list(seed["config"]["column_types"]) == header(path.stem)


def header(seed: str) -> list[str]:
    with (REFERENCE_DIR / f"{seed}.csv").open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def rows(seed: str) -> list[dict[str, str]]:
    with (REFERENCE_DIR / f"{seed}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_macro_knows_every_deprivation_of_the_standards() -> None:
    macro = (DBT / "macros" / "deprivations.sql").read_text(encoding="utf-8")
    listed = re.findall(r"'([a-z_]+)'", re.search(r"return\(\[(.*?)\]\)", macro, re.DOTALL)[1])  # type: ignore[index]
    assert sorted(listed) == sorted({row["code"] for row in rows("deprivation")})
    raw = {column.name for column in load_contracts()["household_review"].columns}
    assert {f"dep_{code}" for code in listed} <= raw


def test_every_data_set_has_its_staging_model() -> None:
    staged = {path.stem.removeprefix("stg_") for path in MODELS if path.stem.startswith("stg_")}
    assert set(load_contracts()) <= staged


def test_every_indicator_has_its_select_and_every_select_its_indicator() -> None:
    """A code that is misspelt or forgotten on one side would leave no figure and no error."""
    texts = [path.read_text(encoding="utf-8") for path in INDICATOR_ROWS]
    selected = {code for text in texts for code in re.findall(r"select\s+'([a-z_]+)'", text)}
    assert selected == {row["code"] for row in rows("indicator")}


@pytest.mark.parametrize("path", [*INDICATOR_ROWS, *REPORTS], ids=lambda path: path.stem)
def test_what_becomes_a_public_view_reads_public_tables_alone(path: Path) -> None:
    rows_of_indicators = {path.stem for path in INDICATOR_ROWS}
    assert {name for layer, name in reads(path) if layer not in {"marts", "reports"}} <= rows_of_indicators


def test_the_calendar_asks_for_every_data_set_as_its_contract_says() -> None:
    contracts = load_contracts()
    calendar = rows("reporting_calendar")
    assert {row["dataset"] for row in calendar} == set(contracts)
    agencies = {row["code"] for row in rows("agency")}
    for row in calendar:
        contract = contracts[row["dataset"]]
        assert row["cadence"] == contract.cadence
        assert (row["is_by_standard"] == "true") == bool(contract.standards)
        kinds = {"unit": {"district"}, "policy_lead": {"agency"}, "project_lead": {"agency"}, "task_lead": {"agency"}}
        if row["sender_rule"] in agencies:
            assert contract.sender_kind in {"agency", row["sender_rule"]}
        else:
            assert contract.sender_kind in kinds[row["sender_rule"]]
        assert int(row["opens_days"]) <= int(row["due_days"])
        assert row["legal_source"]


def test_every_day_has_one_rule_of_the_calendar() -> None:
    by_dataset: dict[str, list[dict[str, str]]] = {}
    for row in rows("reporting_calendar"):
        by_dataset.setdefault(row["dataset"], []).append(row)
    for dated in by_dataset.values():
        assert dated[0]["valid_from"] == dated[-1]["valid_to"] == ""
        for before, after in pairwise(dated):
            assert date.fromisoformat(after["valid_from"]) - date.fromisoformat(before["valid_to"]) == timedelta(days=1)
