"""
### Judge the reports that were received

**What.** Great Expectations judges every report that awaits judgement, data set by data set: contract and rules give
findings, rows are held, each report gets its verdict. Reports that were compared with what has changed by that are
judged again, until nothing changes. Then the Data Docs of the run are built. One task, for what is judged decides what
is to be judged next; `ops.step_outcome` has a row for each round of each data set. Then each sender's own files go back
to the outbox, with the wrong cells marked.

**Trigger.** The asset `reports_received`. Its own asset `reports_judged` starts `build_warehouse`, also on a night with
nothing to judge.

**On failure.** Nothing is published. A failure is the gate's or the database's, never a bad report's: read the log of
the task, whose last step in `ops.step_outcome` names the data set, then clear it. It goes on where it ended. Answers
that fail stop no publication; those not written yet are written by the next run.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, dag, task

RECEIVED = Asset("reports_received")
JUDGED = Asset("reports_judged")
NIGHT = (
    "{% set events = triggering_asset_events.values() | sum(start=[]) %}"
    "{{ events[-1].extra.night_id if events else run_id }}"
)


@dag(
    schedule=[RECEIVED],
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "data-engineering", "retries": 2, "retry_delay": timedelta(seconds=5)},
    tags=["nightly", "judge"],
    doc_md=__doc__,
)
def judge_reports() -> None:
    @task(outlets=[JUDGED])
    def judge(night_id: str, outlet_events: Any = None) -> dict[str, Any]:
        from ingestion import pipeline

        outlet_events[JUDGED].extra = {"night_id": night_id}
        return pipeline.judge_pending(night_id)

    @task
    def answer(night_id: str) -> dict[str, Any]:
        from ingestion import pipeline

        return pipeline.answer(night_id)

    @task
    def notify(night_id: str) -> dict[str, Any]:
        from ingestion import pipeline

        return pipeline.send_messages(night_id)

    judge(night_id=NIGHT) >> answer(night_id=NIGHT) >> notify(night_id=NIGHT).as_teardown()


judge_reports()
