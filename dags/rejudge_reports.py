"""
### Judge reports again, as after a rule changed

**What.** Marks the reports that match, so that they are judged again by the rules of now: nobody sends anything again.
Those whose verdict or findings change are answered anew; then all is built and published.

**Trigger.** By hand (`chungtay rejudge`), with parameters: the period range to fill in again, a data set, a sender; all
reports where nothing is named. Its asset `reports_marked` starts `judge_reports`.

**On failure.** Nothing was marked, or all that matches. The message says what does not exist: correct the parameters
and trigger it anew. Marked reports keep their verdict until they are judged, at the latest in the next night.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from ingestion.orchestration import ARGUMENTS, MARKED, RUN_TIMEOUT, cause, deadline

PERIOD = r"^[12][0-9]{3}(-(S[12]|Q[1-4]))?$"
PARAMS = {
    "from_period": Param(
        None, type=["null", "string"], pattern=PERIOD, description="Periods that end in this one or later, as 2022-Q1."
    ),
    "to_period": Param(
        None, type=["null", "string"], pattern=PERIOD, description="Periods that end in this one or before, as 2023."
    ),
    "dataset": Param(
        None, type=["null", "string"], pattern="^[a-z_]+$", description="Only this data set, as household_review."
    ),
    "sender": Param(None, type=["null", "string"], minLength=1, description="Only this sender, as huyen-213."),
    "night_id": Param(
        None, type=["null", "string"], pattern=r"^\S{1,200}$", description="Name of the night; the run's when empty."
    ),
}


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=RUN_TIMEOUT,
    deadline=deadline(),
    default_args=ARGUMENTS,
    params=PARAMS,
    tags=["by hand", "judge"],
    doc_md=__doc__,
)
def rejudge_reports() -> None:
    @task(outlets=[MARKED])
    def mark(params: dict[str, Any] | None = None, outlet_events: Any = None) -> dict[str, Any]:
        from ingestion import pipeline

        outlet_events[MARKED].extra = cause().announcement()
        scope = {name: value for name, value in (params or {}).items() if name != "night_id"}
        return pipeline.mark_for_judging(cause().night_id, **scope)

    @task
    def notify() -> dict[str, Any]:
        from ingestion import pipeline

        return pipeline.send_messages(cause().night_id)

    mark() >> notify().as_teardown()


rejudge_reports()
