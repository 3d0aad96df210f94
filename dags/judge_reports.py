"""
### Judge the reports that were received

**What.** Great Expectations judges every report that awaits judgement, data set by data set: contract and rules give
findings, rows are held, each report gets its verdict. Reports that were compared with what has changed by that are
judged again, until nothing changes. Then the Data Docs of the run are built. One task, for what is judged decides what
is to be judged next; `ops.step_outcome` has a row for each round of each data set. Then each sender's own files go back
to the outbox, with the wrong cells marked.

**Trigger.** The assets `reports_received` and `reports_marked`. Its own asset `reports_judged` starts
`build_warehouse`, also on a night with nothing to judge; it is not announced for what arrived by day. While a warehouse
is built, it waits.

**On failure.** Nothing is published. A failure is the gate's or the database's, never a bad report's: read the log of
the task, whose last step in `ops.step_outcome` names the data set, then clear it. It goes on where it ended. Answers
that fail stop no publication; those not written yet are written by the next run.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from ingestion.orchestration import (
    ARGUMENTS,
    IF_TO_PUBLISH,
    JUDGED,
    MARKED,
    RECEIVED,
    RUN_TIMEOUT,
    WAREHOUSE,
    WORK_TIMEOUT,
    cause,
    deadline,
)


@dag(
    schedule=RECEIVED | MARKED,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=RUN_TIMEOUT,
    deadline=deadline(),
    default_args=ARGUMENTS,
    params={"to_publish": Param(True, type="boolean", description="Whether to build and publish afterwards.")},
    tags=["nightly", "by day", "judge"],
    doc_md=__doc__,
)
def judge_reports() -> None:
    @task(outlets=[IF_TO_PUBLISH], pool=WAREHOUSE, execution_timeout=WORK_TIMEOUT)
    def judge(outlet_events: Any = None) -> dict[str, Any]:
        from ingestion import pipeline

        if cause().to_publish:
            outlet_events[IF_TO_PUBLISH].add(JUDGED, extra=cause().announcement())
        return pipeline.judge_pending(cause().night_id)

    @task(execution_timeout=WORK_TIMEOUT)
    def answer() -> dict[str, Any]:
        from ingestion import pipeline

        return pipeline.answer(cause().night_id)

    @task
    def notify() -> dict[str, Any]:
        from ingestion import pipeline

        return pipeline.send_messages(cause().night_id)

    judge() >> answer() >> notify().as_teardown()


judge_reports()
