"""The documentation that a newcomer reads, and the metrics that it describes, on the published sample night."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dbt_project.build import build_docs
from ingestion.settings import get_settings

RESOURCES = ("nodes", "exposures", "metrics", "semantic_models")


@pytest.fixture(scope="module")
def page(sample_night: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHUNGTAY_HOME", str(tmp_path_factory.mktemp("home")))
        get_settings.cache_clear()
        yield build_docs(sample_night)
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def manifest(page: Path) -> dict[str, Any]:
    found = json.loads((page.parent / "target" / "manifest.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_the_page_stands_alone_and_holds_names_of_columns_only(page: Path, sample_night: str) -> None:
    text = page.read_text(encoding="utf-8")
    assert "The warehouse of Chung Tay" in text
    assert "fct_household_review" in text
    assert "<script src" not in text
    with psycopg.connect(sample_night) as connection:
        (password,) = connection.execute("select %s", [connection.info.password]).fetchone() or ("",)
        known = connection.execute(
            "select head_name from raw.household_review union select head_national_id from raw.household_review"
        ).fetchall()
    assert len(known) > 500
    assert [value for (value,) in [*known, (password,)] if value and value in text] == []


def test_everything_is_described(manifest: dict[str, Any]) -> None:
    silent = [
        name
        for kind in RESOURCES
        for name, resource in manifest[kind].items()
        if resource["resource_type"] in ("model", "seed", "exposure", "metric", "semantic_model")
        and not resource["description"]
    ]
    assert silent == []
    assert manifest["exposures"]
    assert {"poor_households", "poor_rate", "support_amount", "outstanding_credit", "disbursement_rate"} <= {
        metric["name"] for metric in manifest["metrics"].values()
    }


def test_every_public_report_and_fact_has_a_user(manifest: dict[str, Any]) -> None:
    used = {node for exposure in manifest["exposures"].values() for node in exposure["depends_on"]["nodes"]}
    public = {name for name in manifest["nodes"] if name.startswith(("model.chungtay.fct_", "model.chungtay.rpt_"))}
    assert public
    assert public - used == set()


def measured(manifest: dict[str, Any], sample_night: str, metric: str, dimensions: str) -> list[tuple[Any, ...]]:
    """A metric's measures, summed as their semantic model says, over the dimensions."""
    found = manifest["metrics"][f"metric.chungtay.{metric}"]["type_params"]
    simple = [found[part]["name"] for part in ("numerator", "denominator") if found[part]] or [metric]
    names = [manifest["metrics"][f"metric.chungtay.{name}"]["type_params"]["measure"]["name"] for name in simple]
    (model,) = [
        model
        for model in manifest["semantic_models"].values()
        if set(names) <= {measure["name"] for measure in model["measures"]}
    ]
    expressions = {each["name"]: each["expr"] or each["name"] for each in (*model["measures"], *model["dimensions"])}
    aggregate = {measure["name"]: measure["agg"] for measure in model["measures"]}
    wrapped = {"sum": "sum({})", "count_distinct": "count(distinct {})"}
    columns = [expressions[name] for name in dimensions.split()]
    columns += [wrapped[aggregate[name]].format(expressions[name]) for name in names]
    places = ", ".join(str(number) for number in range(1, len(dimensions.split()) + 1))
    with psycopg.connect(sample_night) as connection:
        connection.execute("set local role bi_reader")
        return connection.execute(
            f"select {', '.join(columns)} from mart.{model['node_relation']['alias']} group by {places}"
            f" order by {places}".encode()
        ).fetchall()


def test_every_measure_and_dimension_can_be_asked_for(manifest: dict[str, Any], sample_night: str) -> None:
    for metric in manifest["metrics"].values():
        measure = (metric["type_params"]["measure"] or {}).get("name")
        for model in manifest["semantic_models"].values():
            if measure in {each["name"] for each in model["measures"]}:
                dimensions = " ".join(each["name"] for each in model["dimensions"])
                rows = measured(manifest, sample_night, metric["name"], dimensions)
                assert any(row[-1] is not None for row in rows), metric["name"]


@pytest.mark.parametrize(
    ("metric", "day", "indicator", "cadence"),
    [
        ("poor_households", "reviewed_on", "poor_household_count", "A"),
        ("poor_rate", "ended_on", "poor_household_rate", "A"),
        ("support_amount", "reported_on", "support_amount", "Q"),
        ("outstanding_credit", "reported_on", "credit_outstanding", "Q"),
        ("disbursement_rate", "reported_on", "fund_disbursement_rate", "Q"),
    ],
)
def test_a_metric_says_the_same_as_the_indicator(
    manifest: dict[str, Any], sample_night: str, metric: str, day: str, indicator: str, cadence: str
) -> None:
    with psycopg.connect(sample_night) as connection:
        published = connection.execute(
            "select end_date, numerator, denominator from mart.fct_indicator"
            " inner join mart.dim_period using (period_code) where indicator_code = %s and cadence = %s"
            " and admin_unit_level = 'province' and breakdown_code = '' and numerator is not null order by 1",
            [indicator, cadence],
        ).fetchall()
    assert published
    assert [row for row in measured(manifest, sample_night, metric, day) if row[1] is not None] == [
        row if row[2] is not None else row[:2] for row in published
    ]
