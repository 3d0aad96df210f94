"""How the DAGs run: when, how often again, how long, one after which, and who is told. Airflow's side of the package.

DAG files import this module where they are parsed: nothing heavy is imported, and nothing is read but the settings.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow.sdk import (
    Asset,
    AssetAlias,
    AssetWatcher,
    CronTriggerTimetable,
    RetryPolicy,
    get_current_context,
)
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.definitions.retry_policy import RetryDecision
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from ingestion.fault import final_fault
from ingestion.settings import get_settings

log = logging.getLogger(__name__)

# -- when --------------------------------------------------------------------------------------------------------------


def nightly() -> CronTriggerTimetable:
    """Every day at the hour of the settings, in the province's time zone."""
    settings = get_settings()
    at = settings.night_starts
    return CronTriggerTimetable(f"{at.minute} {at.hour} * * *", timezone=settings.time_zone)


class ArrivalTrigger(BaseEventTrigger):  # type: ignore[misc]
    """Fires with the places of files that arrived in the inbox, were not received yet and are quiet."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Path and arguments: none, for all it needs are the settings."""
        return f"{__name__}.{type(self).__name__}", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look at the inbox for ever; what cannot be looked at now is looked at again."""
        from ingestion.arrivals import Arrivals

        settings = get_settings()
        arrivals = Arrivals(settings)
        while True:
            started = time.monotonic()
            try:
                places = await asyncio.to_thread(arrivals.look)
            except OSError as error:
                log.warning("the inbox cannot be looked at: %s", type(error).__name__)
            else:
                if places:
                    yield TriggerEvent({"files": list(places)})
            took = time.monotonic() - started
            await asyncio.sleep(max(settings.arrival_poll_seconds, 10 * took))  # a large inbox keeps no core busy


# -- one after the other -----------------------------------------------------------------------------------------------

INBOX = Asset("inbox", watchers=[AssetWatcher(name="arrivals", trigger=ArrivalTrigger())])
RECEIVED = Asset("reports_received")
MARKED = Asset("reports_marked")
JUDGED = Asset("reports_judged")
PUBLISHED = Asset("mart_published")
IF_TO_PUBLISH = AssetAlias("if_to_publish")  # judging announces `reports_judged` under it, unless it was of arrivals


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a run was started. `night_id` names all that it entails; `files` are the places of what arrived, None for all
    that lies in the inbox; `to_publish` tells whether to build and publish afterwards."""

    night_id: str
    to_publish: bool
    files: list[str] | None

    def announcement(self) -> dict[str, Any]:
        """What an asset's event hands on to the runs that it starts."""
        return {"night_id": self.night_id, "to_publish": self.to_publish}


def cause() -> Cause:
    """Of the run in which this task runs: the parameters given, or what the assets that started it hand on.

    Where several started it, it is the last of those that are to publish.
    """
    context: Mapping[str, Any] = get_current_context()
    run_id, params = context["run_id"], context["params"]
    events = [event.extra for each in context["triggering_asset_events"].values() for event in each]
    arrivals = [extra["payload"]["files"] for extra in events if extra.get("from_trigger")]
    if arrivals:
        return Cause(run_id, to_publish=False, files=sorted({place for each in arrivals for place in each}))
    handed_on = sorted((extra for extra in events if "night_id" in extra), key=lambda extra: extra["to_publish"])
    if handed_on:
        return Cause(handed_on[-1]["night_id"], handed_on[-1]["to_publish"], None)
    return Cause(params.get("night_id") or run_id, params.get("to_publish", True), None)


# -- again, how long, and who is told ----------------------------------------------------------------------------------


class UnlessFinal(RetryPolicy):  # type: ignore[misc]
    """A fault that will come again (`ingestion.fault`) fails its task at once; others are tried again, ever later."""

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """Whether to try again; the reason names the fault's kind, never its words."""
        if fault := final_fault(exception):
            return RetryDecision.fail(f"{type(fault).__name__} is final")
        return RetryDecision.retry(reason=f"{type(exception).__name__} may pass")


ARGUMENTS: dict[str, Any] = {
    "owner": "data-engineering",
    "retries": 4,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": 3,  # 5 s, 15 s, 45 s, 2 min 15 s: longer than a server takes to start
    "max_retry_delay": timedelta(minutes=5),
    "retry_policy": UnlessFinal(),
    "execution_timeout": timedelta(minutes=10),
}
WORK_TIMEOUT = timedelta(hours=3)  # of a task that reads, judges or builds
RUN_TIMEOUT = timedelta(hours=8)
# Pools, as in dags/pools.json: `warehouse` has one slot, for whoever changes or builds from what is accepted.
RECEIVING = "receiving"
WAREHOUSE = "warehouse"


def deadline() -> DeadlineAlert:
    """Rings, where tasks run, when a run has not ended in time."""
    return DeadlineAlert(
        name="run_ended",
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=get_settings().deadline_minutes),
        callback=SyncCallback(tell_deadline_missed),
    )


def tell_deadline_missed(context: Mapping[str, Any]) -> None:
    """Write and send the message that a run has not ended in time."""
    from ingestion import pipeline

    run = context["dag_run"]
    pipeline.tell_deadline_missed(run["dag_id"], run["dag_run_id"])
