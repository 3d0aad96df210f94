"""
### Judge the reports that were received

**What.** Great Expectations judges every report that awaits judgement, one mapped task per data set: contract and rules
give findings, rows are held, each report gets its verdict. Then the Data Docs of the run are built.

**Trigger.** The asset `reports_received`. Its own asset `reports_judged` starts `build_warehouse`, also on a night with
nothing to judge.

**On failure.** Nothing is published. A failure is the gate's or the database's, never a bad report's: read the log of
the mapped task with the data set's name, then clear it. The reports of that data set stay as received until then.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, TriggerRule, dag, task

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
    @task
    def list_pending() -> list[str]:
        from ingestion import pipeline

        return pipeline.pending()

    @task(map_index_template="{{ task.op_kwargs['dataset'] }}")
    def judge(dataset: str, night_id: str) -> dict[str, Any]:
        from ingestion import pipeline

        return pipeline.judge_dataset(dataset, night_id)

    @task(outlets=[JUDGED], trigger_rule=TriggerRule.NONE_FAILED)
    def build_data_docs(datasets: list[str], night_id: str, outlet_events: Any = None) -> dict[str, Any]:
        from ingestion import pipeline

        outlet_events[JUDGED].extra = {"night_id": night_id}
        return pipeline.build_docs(night_id) if datasets else {}

    pending = list_pending()
    judge.partial(night_id=NIGHT).expand(dataset=pending) >> build_data_docs(pending, night_id=NIGHT)


judge_reports()
