"""
### Receive the reports that lie in the inbox

**What.** Brings the reference lists up to date, then receives every sender's files, one mapped task per sender: the
bytes are archived, the reports in them read by their contracts and loaded into `raw`. A file that is damaged or not a
report is rejected with a finding and stops nobody.

**Trigger.** Every night at 20:00 in Viet Nam, or by hand (`chungtay night`) with another `inbox`. Its asset
`reports_received` starts `judge_reports`.

**On failure.** The senders that could be received go on to be judged; the run is red for the one that could not. Read
the log of the mapped task with the sender's name; when the cause is gone, clear that task, or wait for the next night:
what was received already is not received again.
"""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Asset, CronTriggerTimetable, Param, TriggerRule, dag, task
from airflow.sdk.exceptions import AirflowSkipException

RECEIVED = Asset("reports_received")
NIGHT = "{{ params.night_id or run_id }}"


@dag(
    schedule=CronTriggerTimetable("0 20 * * *", timezone="Asia/Ho_Chi_Minh"),
    catchup=False,  # and no start date: a new home waits for its first night, instead of making up for the last one
    max_active_runs=1,
    default_args={"owner": "data-engineering", "retries": 2, "retry_delay": timedelta(seconds=5)},
    params={
        "inbox": Param(None, type=["null", "string"], description="Folder to read; the home's inbox when empty."),
        "night_id": Param(None, type=["null", "string"], description="Name of the night; the run's own when empty."),
    },
    tags=["nightly", "receive"],
    doc_md=__doc__,
)
def receive_reports() -> None:
    @task
    def load_reference_lists(night_id: str) -> dict[str, Any]:
        from ingestion import pipeline

        return pipeline.load_reference_lists(night_id)

    @task
    def list_senders(params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        from ingestion import pipeline

        return pipeline.batches((params or {}).get("inbox"))

    @task(map_index_template="{{ task.op_kwargs['batch']['sender'] }}")
    def receive(batch: dict[str, Any], night_id: str) -> dict[str, Any]:
        from ingestion import pipeline

        return pipeline.receive_batch(batch, night_id)

    # also when a sender failed, or the inbox is empty; not when the senders could not be listed
    @task(outlets=[RECEIVED], trigger_rule=TriggerRule.ALL_DONE)
    def announce(senders: list[dict[str, Any]] | None, night_id: str, outlet_events: Any = None) -> None:
        if senders is None:
            raise AirflowSkipException("nothing was received: the senders could not be listed")
        outlet_events[RECEIVED].extra = {"night_id": night_id}

    @task
    def notify(night_id: str) -> dict[str, Any]:
        from ingestion import pipeline

        return pipeline.send_messages(night_id)

    senders = list_senders()
    received = receive.partial(night_id=NIGHT).expand(batch=senders)
    load_reference_lists(night_id=NIGHT) >> senders
    ended = [announce(senders, night_id=NIGHT), EmptyOperator(task_id="all_received")]  # the second is red where a
    received >> ended >> notify(night_id=NIGHT).as_teardown()  # sender failed, so that the run is; it is told anyhow


receive_reports()
