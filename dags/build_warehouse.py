"""
### Build the warehouse and publish it

**What.** dbt builds and tests staging, intermediate and marts in private schemas. When every test has passed and no
row or dong is unaccounted for, one transaction brings the changed rows into `mart`. One task, so that all rests on one
state of the reports, though they are judged all day; `ops.step_outcome` has a row per layer. At the end operators are
told: what was published or refused, which reports were rejected, who is late.

**Trigger.** The asset `reports_judged`, or by hand after a change of the models.

**On failure.** `mart` is as it was the night before. The message of the failed task names the tests that failed, or the
submissions whose rows don't add up: such a failure is final and not tried again. Correct the cause, then clear the
failed task.
"""

from typing import Any

from airflow.sdk import dag, task

from ingestion.orchestration import ARGUMENTS, JUDGED, PUBLISHED, RUN_TIMEOUT, WAREHOUSE, WORK_TIMEOUT, cause, deadline


@dag(
    schedule=[JUDGED],
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=RUN_TIMEOUT,
    deadline=deadline(),
    default_args=ARGUMENTS,
    tags=["nightly", "build"],
    doc_md=__doc__,
)
def build_warehouse() -> None:
    @task(outlets=[PUBLISHED], pool=WAREHOUSE, execution_timeout=WORK_TIMEOUT)
    def build_and_publish(outlet_events: Any = None) -> dict[str, Any]:
        from ingestion import pipeline

        outlet_events[PUBLISHED].extra = cause().announcement()
        return pipeline.build_and_publish(cause().night_id)

    @task
    def notify() -> dict[str, Any]:
        from ingestion import pipeline

        return pipeline.notify(cause().night_id)

    build_and_publish() >> notify().as_teardown()  # told also when it failed; a teardown does not make the run green


build_warehouse()
