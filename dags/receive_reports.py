"""
### Receive the reports that lie in the inbox

**What.** Brings the reference lists up to date, then receives the files, one mapped task per sender: the bytes are
archived, the reports in them read by their contracts and loaded into `raw`. A file that is damaged or not a report is
rejected with a finding and stops nobody.

**Trigger.** Every night (`CHUNGTAY_NIGHT_STARTS`, in `CHUNGTAY_TIME_ZONE`), or by hand (`chungtay night`) with another
`inbox`: then all that lies there is received, judged, built and published. By day the asset `inbox`, watched in the
triggerer: files that arrived and are quiet for some seconds are received, judged and answered, not published. Its own
asset `reports_received` starts `judge_reports`.

**On failure.** The senders that could be received go on to be judged; the run is red for the one that could not. Read
the log of the mapped task with the sender's name; when the cause is gone, clear that task, or wait for the next night:
what was received already is not received again.
"""

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import AssetOrTimeSchedule, Param, TriggerRule, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from ingestion.orchestration import (
    ARGUMENTS,
    INBOX,
    RECEIVED,
    RECEIVING,
    RUN_TIMEOUT,
    WAREHOUSE,
    WORK_TIMEOUT,
    cause,
    deadline,
    nightly,
)

PARAMS = {
    "inbox": Param(
        None, type=["null", "string"], minLength=1, description="Folder to read; the home's inbox when empty."
    ),
    "night_id": Param(
        None, type=["null", "string"], pattern=r"^\S{1,200}$", description="Name of the night; the run's when empty."
    ),
    "to_publish": Param(True, type="boolean", description="Whether to build and publish afterwards."),
}


@dag(
    schedule=AssetOrTimeSchedule(timetable=nightly(), assets=INBOX),
    catchup=False,  # and no start date: a new home waits for its first night, instead of making up for the last one
    max_active_runs=1,
    dagrun_timeout=RUN_TIMEOUT,
    deadline=deadline(),
    default_args=ARGUMENTS,
    params=PARAMS,
    tags=["nightly", "by day", "receive"],
    doc_md=__doc__,
)
def receive_reports() -> None:
    @task(pool=WAREHOUSE, execution_timeout=WORK_TIMEOUT)
    def prepare(params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        from ingestion import pipeline

        pipeline.load_reference_lists(cause().night_id)
        return pipeline.batches((params or {}).get("inbox"), cause().files)

    @task(
        pool=RECEIVING, execution_timeout=WORK_TIMEOUT, map_index_template="{{ task.op_kwargs['batch']['sender'] }}"
    )  # fmt: skip
    def receive(batch: dict[str, Any]) -> dict[str, Any]:
        from ingestion import pipeline

        return pipeline.receive_batch(batch, cause().night_id)

    # also when a sender failed, or nothing lies in the inbox at night; not when the senders could not be listed
    @task(outlets=[RECEIVED], trigger_rule=TriggerRule.ALL_DONE)
    def announce(batches: list[dict[str, Any]] | None, outlet_events: Any = None) -> None:
        if batches is None:
            raise AirflowSkipException("nothing was received: the senders could not be listed")
        if not batches and not cause().to_publish:
            raise AirflowSkipException("nothing was received: what arrived is known already")
        outlet_events[RECEIVED].extra = cause().announcement()

    @task
    def notify() -> dict[str, Any]:
        from ingestion import pipeline

        return pipeline.send_messages(cause().night_id)

    batches = prepare()
    received = receive.expand(batch=batches)
    ended = [announce(batches), EmptyOperator(task_id="all_received")]  # the second is red where a sender failed, so
    received >> ended >> notify().as_teardown()  # that the run is; it is told anyhow


receive_reports()
