"""The status as metrics for Prometheus: names by its conventions, labels of few values, no person, no file."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ingestion.status.glance import Status

OUTCOMES = ("published", "refused", "failed", "running", "unfinished")


def exposition(status: Status) -> bytes:
    """The metrics in Prometheus' text format. What cannot be told has no sample: absent is never 0."""
    registry = CollectorRegistry()
    registry.register(_OfStatus(status))
    return generate_latest(registry)


class _OfStatus(Collector):
    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        status = self._status
        is_up = status.warehouse.state in ("answers", "empty")
        yield _gauge("warehouse_up", "Whether the warehouse answers.", int(is_up))
        yield _gauge("well", "Whether the last night was published or runs, as chungtay status exits.", status.is_well)
        if status.warehouse.state != "answers":
            return
        yield CounterMetricFamily(
            "chungtay_publications", "Publications so far, restored ones included.", value=status.publication_count
        )
        if status.publication is not None:
            published = status.publication
            when = published.published_at.timestamp()
            yield _gauge("last_publication_timestamp_seconds", "When it was published last, as Unix time.", when)
            yield _gauge("last_publication_age_seconds", "Since it was published last.", published.age_seconds)
            yield _gauge("last_publication_changed_rows", "Rows that it changed.", published.rows_changed)
        if status.night is not None:
            is_outcome = {name: int(name == status.night.outcome) for name in OUTCOMES}
            yield _gauges("last_night_outcome", "1 for what became of the last night.", "outcome", is_outcome)
            seconds = {each.step: each.seconds for each in status.night.steps}
            yield _gauges("last_night_step_seconds", "Seconds of its steps, over subjects and tries.", "step", seconds)
        yield self._reports()
        yield _gauges("accepted_rows", "Rows in force.", "dataset", _summed(self._in_force()))
        held = ((each.dataset, each.held_row_count) for each in status.held)
        yield _gauges("held_rows", "Rows in force that are held back.", "dataset", _summed(held))
        if status.overdue is not None:
            overdue = _summed((each.dataset, 1) for each in status.overdue)
            yield _gauges("overdue_reports", "Expected reports past their due day.", "dataset", overdue)
            senders = len({each.sender_code for each in status.overdue})
            yield _gauge("overdue_senders", "Senders with overdue reports.", senders)
        if status.due_soon is not None:
            due_soon = _summed((each.dataset, 1) for each in status.due_soon)
            yield _gauges("due_soon_reports", "Reports due within two weeks that have not come.", "dataset", due_soon)
        if status.movement is not None:
            yield _gauge("unusual_series", "Series that moved unusually.", len(status.movement.moved))
            yield _gauge("compared_series", "Series compared with their past.", status.movement.compared_count)
        undelivered = dict.fromkeys(status.messages.channels, 0.0)
        undelivered |= {each.channel: each.message_count for each in status.messages.undelivered}
        yield _gauges("undelivered_messages", "Messages to operators that wait.", "channel", undelivered)

    def _reports(self) -> Metric:
        family = GaugeMetricFamily(
            "chungtay_reports", "Reports received, by what became of them.", labels=["dataset", "status"]
        )
        for each in self._status.reports:
            family.add_metric([each.dataset or "", each.status_code], each.report_count)
        return family

    def _in_force(self) -> Iterator[tuple[str, int]]:
        for each in self._status.reports:
            if each.status_code in ("accepted", "accepted_with_findings"):
                yield each.dataset or "", each.row_count - each.held_row_count


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"chungtay_{name}", text, value=value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"chungtay_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _summed(pairs: Iterable[tuple[str, int]]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for key, value in pairs:
        sums[key] += value
    return sums
