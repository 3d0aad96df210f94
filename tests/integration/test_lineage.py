"""Lineage events of a whole night: valid by OpenLineage's own model of its schema, joined from inbox to mart."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import attr
import pytest
from openlineage.client.event_v2 import Job, Run, RunState
from openlineage.client.facet_v2 import (
    error_message_run,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
    schema_dataset,
)
from openlineage.client.generated.base import InputDataset, OutputDataset
from openlineage.client.generated.base import RunEvent as Event
from receivers import LineageEndpoint, serving

from dbt_project.build import BuildError
from ingestion import pipeline
from ingestion.settings import get_settings
from ingestion.warehouse import prepare

# The classes that OpenLineage generates from its JSON schema: required and known keys, and validators of formats.
FACETS: dict[str, type] = {
    "parent": parent_run.ParentRunFacet,
    "processing_engine": processing_engine_run.ProcessingEngineRunFacet,
    "errorMessage": error_message_run.ErrorMessageRunFacet,
    "jobType": job_type_job.JobTypeJobFacet,
    "schema": schema_dataset.SchemaDatasetFacet,
    "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
}
PARTS: dict[tuple[type, str], type] = {
    (Event, "run"): Run,
    (Event, "job"): Job,
    (Event, "inputs"): InputDataset,
    (Event, "outputs"): OutputDataset,
    (parent_run.ParentRunFacet, "run"): parent_run.Run,
    (parent_run.ParentRunFacet, "job"): parent_run.Job,
    (schema_dataset.SchemaDatasetFacet, "fields"): schema_dataset.SchemaDatasetFacetFields,
}
FACET_MAPS = ("facets", "inputFacets", "outputFacets")


def check(kind: type, told: dict[str, Any]) -> None:
    """That an object has the required keys of its class and no other, with values that its validators take."""
    fields = attr.fields_dict(kind)
    assert told.keys() <= fields.keys(), (kind, told.keys() - fields.keys())
    required = {name for name, each in fields.items() if each.default is attr.NOTHING}
    # an event and a facet say who made them and by which schema
    assert required | {n for n in ("producer", "schemaURL", "_producer", "_schemaURL") if n in fields} <= told.keys()
    values: dict[str, Any] = {
        each.alias or name: told[name]
        for name, each in fields.items()
        if name in told and each.init and (kind, name) not in PARTS and name not in FACET_MAPS
    }
    parts = {
        each.alias or name: None
        for name, each in fields.items()
        if (kind, name) in PARTS and each.default is attr.NOTHING
    }
    kind(**(values | parts))  # runs the validators
    schema = told.get("schemaURL") or told.get("_schemaURL")
    if schema is not None:
        assert schema == kind._get_schema()  # type: ignore[attr-defined]
    for name, value in told.items():
        part = PARTS.get((kind, name))
        if part is not None:
            for each in value if isinstance(value, list) else [value]:
                check(part, each)
        elif name in FACET_MAPS:
            for facet, content in value.items():
                check(FACETS[facet], content)


@pytest.fixture(scope="module")
def events(sample_night: str, sample_home: Path) -> list[dict[str, Any]]:
    assert sample_night
    return [json.loads(line) for line in (sample_home / "lineage.jsonl").read_text().splitlines()]


def of(events: list[dict[str, Any]], job: str, state: str = "COMPLETE") -> list[dict[str, Any]]:
    return [event for event in events if event["job"]["name"] == job and event["eventType"] == state]


def names(event: dict[str, Any], side: str) -> set[str]:
    """Datasets, of the warehouse without the database's name."""
    return {each["name"] if each["namespace"] == "file" else each["name"].split(".", 1)[1] for each in event[side]}


def test_every_event_is_valid(events: list[dict[str, Any]]) -> None:
    assert len(events) > 400
    for event in events:
        check(Event, event)
        assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
        assert UUID(event["run"]["runId"])
        assert event["eventType"] in RunState.__members__


def test_the_check_refuses_what_the_schema_refuses(events: list[dict[str, Any]]) -> None:
    good = events[0]
    for spoilt in (
        {name: value for name, value in good.items() if name != "job"},
        good | {"surprise": 1},
        good | {"eventTime": "yesterday"},
        good | {"run": good["run"] | {"runId": "1"}},
        good | {"schemaURL": "https://example.vn"},
        good | {"run": {"runId": good["run"]["runId"], "facets": {"parent": {"run": {}}}}},
    ):
        with pytest.raises((AssertionError, ValueError, TypeError)):
            check(Event, spoilt)


def test_every_run_starts_and_ends_once(events: list[dict[str, Any]]) -> None:
    runs: dict[str, list[str]] = {}
    for event in events:
        runs.setdefault(event["run"]["runId"], []).append(event["eventType"])
    assert set(map(tuple, runs.values())) == {("START", "COMPLETE")}
    of_night = {
        event["run"]["facets"]["parent"]["run"]["runId"] for event in events if event["job"]["name"] == "publish"
    }
    assert len(of_night) == 2  # two nights
    assert {event["job"]["namespace"] for event in events} == {"chungtay"}


def test_the_way_from_inbox_to_mart_is_unbroken(events: list[dict[str, Any]]) -> None:
    received = of(events, "receive.nhcsxh")[0]
    assert names(received, "inputs") == {"inbox/nhcsxh"}
    assert "raw.credit_loan" in names(received, "outputs")
    judged = of(events, "judge.credit_loan")[0]
    assert names(judged, "inputs") == {"raw.credit_loan"}
    assert names(judged, "outputs") == {"accepted.credit_loan", "ops.finding"}
    staged = of(events, "build.staging.stg_credit_loan")[0]
    assert (names(staged, "inputs"), names(staged, "outputs")) == (
        {"accepted.credit_loan"},
        {"staging.stg_credit_loan"},
    )
    fact = of(events, "build.marts.fct_credit_loan")[0]
    assert any(name.startswith("intermediate.") for name in names(fact, "inputs"))
    published = of(events, "publish")[0]
    assert "mart_build.fct_credit_loan" in names(published, "inputs")
    assert {"mart.fct_credit_loan", "vault.vault_person"} <= names(published, "outputs")
    assert "outbox/nhcsxh" in names(of(events, "answer")[0], "outputs")
    # whatever is read was written before, or came from outside
    written: set[str] = set()
    for event in events:
        for name in names(event, "inputs") - written:
            assert name.startswith(("inbox/", "seeds/", "ops.")), (event["job"]["name"], name)
        written |= names(event, "outputs")


def test_models_tell_columns_and_rows(events: list[dict[str, Any]]) -> None:
    outputs = [output for event in of(events, "build.marts.fct_household_review") for output in event["outputs"]]
    # the second night wrote nothing
    assert [output["outputFacets"]["outputStatistics"]["rowCount"] for output in outputs] == [1000, 0]
    output = outputs[-1]
    columns = {each["name"]: each["type"] for each in output["facets"]["schema"]["fields"]}
    assert columns["review_year"] == "integer"


def test_events_name_no_person_no_file_and_no_machine(events: list[dict[str, Any]], sample_home: Path) -> None:
    text = json.dumps(events, ensure_ascii=False)
    assert str(sample_home) not in text
    assert ".xlsx" not in text
    assert "password" not in text
    strings = Counter(each["name"] for event in events for each in [*event["inputs"], *event["outputs"]])
    assert all("." in name or name.startswith(("inbox/", "outbox/", "seeds/")) for name in strings)


# -- where they go ---------------------------------------------------------------------------------------------------


@pytest.fixture
def home(warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    prepare(warehouse_url)
    monkeypatch.setenv("CHUNGTAY_HOME", str(tmp_path))
    monkeypatch.setenv("CHUNGTAY_WAREHOUSE_URL", warehouse_url)
    get_settings.cache_clear()
    yield monkeypatch
    get_settings.cache_clear()


def message_of(night_id: str) -> str:
    import psycopg

    with psycopg.connect(pipeline.warehouse_url()) as db:
        rows = db.execute("select message from ops.step_outcome where night_id = %s", [night_id]).fetchall()
    [(message,)] = rows
    return str(message)


def test_an_endpoint_gets_them(home: pytest.MonkeyPatch) -> None:
    with serving(LineageEndpoint()) as endpoint:
        home.setenv("CHUNGTAY_OPENLINEAGE_URL", endpoint.url)
        home.setenv("CHUNGTAY_OPENLINEAGE_API_KEY", "key")
        get_settings.cache_clear()
        pipeline.judge_dataset("credit_loan", "posted")
    assert [event["eventType"] for event in endpoint.events] == ["START", "COMPLETE"]
    assert endpoint.keys == {"Bearer key"}
    for event in endpoint.events:
        check(Event, event)
    assert message_of("posted") == ""


def test_an_endpoint_that_fails_fails_no_night_and_is_told(home: pytest.MonkeyPatch) -> None:
    home.setenv("CHUNGTAY_OPENLINEAGE_URL", "http://127.0.0.1:9/")
    get_settings.cache_clear()
    assert pipeline.judge_dataset("credit_loan", "lost") == {"submissions": 0}
    assert message_of("lost") == "lineage events were not sent: ConnectionError"


def test_a_step_that_fails_says_so(home: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fails(*_: object) -> None:
        raise BuildError("marts", [], "Dương Thị Nga")

    home.setenv("CHUNGTAY_OPENLINEAGE_FILE", str(tmp_path / "new" / "lineage.jsonl"))
    home.setattr("dbt_project.build.build", fails)
    get_settings.cache_clear()
    with pytest.raises(BuildError):
        pipeline.build_layer("marts", "failed")
    lines = (tmp_path / "new" / "lineage.jsonl").read_text().splitlines()
    start, fail = map(json.loads, lines)
    assert (start["eventType"], fail["eventType"]) == ("START", "FAIL")
    check(Event, fail)
    assert fail["run"]["facets"]["errorMessage"]["message"] == "BuildError"
    assert "Nga" not in str(lines)


def test_it_is_off_where_nothing_is_set(home: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert home
    pipeline.judge_dataset("credit_loan", "off")
    assert list(tmp_path.rglob("*.jsonl")) == []
