"""Every step, every report and every model of a night leaves its counts and seconds."""

import psycopg
import pytest

from dbt_project.build import BuildError, NodeResult
from ingestion import pipeline
from ingestion.settings import get_settings
from ingestion.warehouse import prepare

Rows = list[tuple[object, ...]]


def ask(url: str, query: str) -> Rows:
    with psycopg.connect(url) as db:
        return db.execute(query).fetchall()


def test_every_report_has_its_steps_with_counts(sample_night: str) -> None:
    reports = ask(
        sample_night,
        "select s.submission_id, s.row_count + s.other_row_count, s.row_count, s.held_row_count, s.verdict_code,"
        # an answer tells of a whole file
        " (select count(*) from ops.finding as f join ops.submission as o using (submission_id)"
        " where (o.sender_code, o.period_code, o.sha256, o.file_name)"
        " = (s.sender_code, s.period_code, s.sha256, s.file_name))"
        " from ops.submission as s where s.status_code <> 'duplicate'",
    )
    assert reports
    told = ask(
        sample_night,
        "select submission_id, step, count_in, count_out, message from ops.step_outcome"
        " where submission_id is not null and status_code = 'succeeded' and seconds >= 0"
        " and night_id = 'first' and step <> 'answer'",
    )
    judged = {row[0] for row in told if row[1] == "judge"}
    assert {row[0] for row in reports} == judged
    for submission_id, filled, rows, held, verdict, _ in reports:
        assert (submission_id, "read", filled, rows, "") in told
        assert (submission_id, "load", rows, rows, "") in told
        assert (submission_id, "judge", rows, int(str(rows)) - int(str(held)), verdict) in told
    answered = ask(
        sample_night,
        "select submission_id, max(count_in), count(*) from ops.step_outcome where step = 'answer'"
        " and submission_id is not null group by submission_id",
    )
    assert {(row[0], row[5], 1) for row in reports} == set(answered)


def test_seen_again_a_report_leaves_no_row_but_the_steps_do(sample_night: str) -> None:
    assert ask(
        sample_night,
        "select count(*) from ops.step_outcome where night_id = 'second' and submission_id is not null",
    ) == [(0,)]
    steps = ask(
        sample_night,
        "select distinct step from ops.step_outcome where night_id = 'second' and submission_id is null",
    )
    assert {"receive", "answer", "build", "publish", "notify"} <= {step for (step,) in steps}


def test_the_parts_of_a_step_take_no_longer_than_the_step(sample_night: str) -> None:
    longer = (
        "with part as (select night_id, subject, step, sum(seconds) as seconds, count(*) as reports"
        " from ops.step_outcome where submission_id is not null and step = 'judge' group by 1, 2, 3),"
        " whole as (select night_id, subject, step, sum(seconds) as seconds from ops.step_outcome"
        " where submission_id is null group by 1, 2, 3)"
        " select * from part join whole using (night_id, subject, step)"
        " where part.seconds > whole.seconds + part.reports * 0.0005"
    )
    assert ask(sample_night, longer) == []


def test_every_model_has_its_seconds_and_rows(sample_night: str) -> None:
    nodes = ask(
        sample_night,
        "select layer, resource_type, count(*), count(row_count) > 0, min(status_code) from ops.build_node"
        " where night_id = 'first' group by 1, 2",
    )
    kinds = {(layer, kind): (count, has_rows, status) for layer, kind, count, has_rows, status in nodes}
    assert {layer for layer, _ in kinds} == {"staging", "intermediate", "marts"}
    assert kinds["marts", "model"][1:] == (True, "success")
    assert kinds["marts", "test"][2] == "pass"
    rows = ask(
        sample_night,
        "select night_id, row_count, (select count(*) from mart.fct_indicator) from ops.build_node"
        " where name = 'fct_indicator' order by night_id",
    )
    # the second night changed nothing, and wrote nothing
    assert rows == [("first", rows[0][2], rows[0][2]), ("second", 0, rows[0][2])]


def test_a_layer_that_failed_names_the_nodes_at_fault(
    warehouse_url: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(warehouse_url)
    monkeypatch.setenv("CHUNGTAY_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("CHUNGTAY_WAREHOUSE_URL", warehouse_url)
    get_settings.cache_clear()
    failed = NodeResult("one_key_per_row", "test", "fail", 3, 0.25, "Got 3 results: Dương Thị Nga")

    def fails(*_: object) -> None:
        raise BuildError("marts", [failed])

    monkeypatch.setattr("dbt_project.build.build", fails)
    try:
        with pytest.raises(BuildError):
            pipeline.build_layer("marts", "night")
    finally:
        get_settings.cache_clear()
    told = ask(
        warehouse_url, "select layer, name, resource_type, status_code, row_count, seconds::text from ops.build_node"
    )
    assert told == [("marts", "one_key_per_row", "test", "fail", 3, "0.250")]
    assert "Nga" not in str(ask(warehouse_url, "select n from ops.build_node as n"))
