"""
### Build the warehouse and publish it

**What.** dbt builds and tests staging, intermediate and marts in private schemas, one task per layer. When every test
has passed and no row or dong is unaccounted for, one transaction brings the changed rows into `mart`. At the
end operators are told: what was published or refused, which reports were rejected, who is late.

**Trigger.** The asset `reports_judged`, or by hand after a change of the models.

**On failure.** `mart` is as it was the night before. The message of the failed task names the tests that failed, or the
submissions whose rows don't add up; correct the cause, then clear the failed task: the layers before it are not built
again.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, chain, dag, task

JUDGED = Asset("reports_judged")
PUBLISHED = Asset("mart_published")
NIGHT = (
    "{% set events = triggering_asset_events.values() | sum(start=[]) %}"
    "{{ events[-1].extra.night_id if events else run_id }}"
)


@dag(
    schedule=[JUDGED],
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "data-engineering", "retries": 1, "retry_delay": timedelta(seconds=5)},
    tags=["nightly", "build"],
    doc_md=__doc__,
)
def build_warehouse() -> None:
    @task
    def build(layer: str, night_id: str) -> dict[str, Any]:
        from ingestion import pipeline

        return pipeline.build_layer(layer, night_id)

    @task(outlets=[PUBLISHED])
    def publish(night_id: str, outlet_events: Any = None) -> dict[str, Any]:
        from ingestion import pipeline

        outlet_events[PUBLISHED].extra = {"night_id": night_id}
        return pipeline.publish(night_id)

    @task
    def notify(night_id: str) -> dict[str, Any]:
        from ingestion import pipeline

        return pipeline.notify(night_id)

    layers = [
        build.override(task_id=f"build_{layer}")(layer=layer, night_id=NIGHT)
        for layer in ("staging", "intermediate", "marts")
    ]
    # told also when something failed; being a teardown, it does not make the run green
    chain(*layers, publish(night_id=NIGHT), notify(night_id=NIGHT).as_teardown())


build_warehouse()
