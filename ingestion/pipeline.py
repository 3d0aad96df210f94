"""The steps of a night as plain functions, each leaving its outcome in `ops.step_outcome`, also when it fails.

Airflow's tasks call these and nothing else; so do tests and `chungtay load`. Arguments and results are small and JSON.
Engines are imported inside the functions: this module is imported where DAGs are parsed.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from traceback import format_tb
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from ingestion.lineage import StepLineage, Touched
from ingestion.ops import BuildNode, StepOutcome, now
from ingestion.settings import get_settings

if TYPE_CHECKING:
    from dbt_project.build import NodeResult
    from ingestion.notify import Message
    from ingestion.receive import IncomingFile, Receipt

log = logging.getLogger(__name__)
Layer = Literal["staging", "intermediate", "marts"]
LAYERS: tuple[Layer, ...] = ("staging", "intermediate", "marts")
Counts = dict[str, Any]


def warehouse_url() -> str:
    """The warehouse's libpq URL: as set, or that of the home's own server."""
    from ingestion.local.postgres import warehouse_url as resolve

    return resolve(get_settings())


class ReceiveError(Exception):
    """Files that could not be received, through no fault of their senders; the message names each of `files`."""

    def __init__(self, failures: Mapping["IncomingFile", Exception]) -> None:
        self.files = frozenset(failures)
        super().__init__("; ".join(f"{_place(file)}: {brief(error)}" for file, error in failures.items()))


class ScopeError(Exception):
    """What is to be judged again does not exist; the message says what."""


def _place(file: "IncomingFile") -> str:
    return f"{file.sender_code}/{file.period_code}/{file.file_name}"


def brief(error: BaseException) -> str:
    """An error's kind and first line; the lines after it may quote a row, and rows name people."""
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"


class _Outcome:
    """What a step tells of itself while it runs, and of each report or node of dbt that it worked on."""

    def __init__(self) -> None:
        self.status_code = "succeeded"
        self.count_in = 0
        self.count_out = 0
        self.message = ""
        self.touched = Touched()
        self._reports: list[Counts] = []
        self._nodes: list[Counts] = []

    def of_report(
        self, step: str, submission_id: int, subject: str, count_in: int, count_out: int, seconds: float, message: str
    ) -> None:
        """What this step, or a part of it by another name, did with one report."""
        self._reports.append(
            {
                "step": step, "submission_id": submission_id, "subject": subject, "status_code": "succeeded",
                "count_in": count_in, "count_out": count_out, "seconds": round(seconds, 3), "message": message,
            }
        )  # fmt: skip

    def of_nodes(self, layer: str, nodes: "Sequence[NodeResult]") -> None:
        """What dbt told of the nodes of a layer; not its messages, which may quote a value."""
        self.touched.nodes |= {node.name: node.rows for node in nodes if node.resource_type == "model"}
        self._nodes += [
            {
                "layer": layer, "name": node.name, "resource_type": node.resource_type, "status_code": node.status,
                "row_count": node.rows, "seconds": round(node.seconds, 3),
            }
            for node in nodes
        ]  # fmt: skip

    def write_parts(self, connection: sa.Connection, night_id: str) -> None:
        """Write down what was told of reports and nodes: one statement each, however many they are."""
        common = {"night_id": night_id, "finished_at": now()}
        if self._reports:
            connection.execute(sa.insert(StepOutcome), [common | report for report in self._reports])
        if self._nodes:
            connection.execute(sa.insert(BuildNode), [common | node for node in self._nodes])


@contextmanager
def _step(night_id: str, step: str, subject: str = "", started: float | None = None) -> Iterator[_Outcome]:
    """Record the outcome of the block; an exception is recorded, with a message that tells of it, and goes on.

    `started` tells when the step began (`time.monotonic`), if that was before the block.
    """
    from ingestion.notify import write
    from ingestion.warehouse import create_engine, step_session

    outcome = _Outcome()
    started = time.monotonic() if started is None else started
    lineage = StepLineage(get_settings(), warehouse_url(), night_id, step, subject, outcome.touched)
    failure: BaseException | None = None
    lineage.start()
    try:
        with step_session(warehouse_url(), step, subject):
            yield outcome
    except BaseException as error:
        outcome.status_code = "failed"
        outcome.message = brief(error)
        failure = error
        raise
    finally:
        lineage.end(failure)
        engine = create_engine(warehouse_url())
        with engine.begin() as connection:
            outcome.write_parts(connection, night_id)
            connection.execute(
                sa.insert(StepOutcome).values(
                    night_id=night_id,
                    step=step,
                    subject=subject,
                    status_code=outcome.status_code,
                    count_in=outcome.count_in,
                    count_out=outcome.count_out,
                    seconds=round(time.monotonic() - started, 3),
                    message="; ".join(filter(None, (outcome.message, lineage.unsent))),
                    finished_at=now(),
                )
            )
            if failure is not None:
                fact = " ".join(filter(None, ("failed", night_id, step, subject)))
                write(connection, _told(night_id, step, subject, failure), get_settings(), [fact])
        engine.dispose()


def _told(night_id: str, step: str, subject: str, error: BaseException) -> "Message":
    """The message about a failure: a refusal where the data are at fault, else the failure of a step."""
    from ingestion.fault import failed_tests
    from ingestion.notify import failed, refused

    if step == "publish":
        from ingestion.relation import PublicationRefusedError

        if isinstance(error, PublicationRefusedError):
            return refused(night_id, str(error).split("; "))
    if tests := failed_tests(error):
        return refused(night_id, tests)
    return failed(night_id, step, subject, error)


def load_reference_lists(night_id: str) -> Counts:
    """Bring the warehouse's structure and the reference lists up to date; the gate's rules read the lists."""
    from dbt_project.build import seed_if_changed
    from ingestion.warehouse import prepare

    url, started = warehouse_url(), time.monotonic()
    prepare(url)  # the outcome's own table, too
    with _step(night_id, "prepare", "reference lists", started) as outcome:
        changed = seed_if_changed(url)
        outcome.status_code = "succeeded" if changed else "skipped"
        return {"changed": changed}


def batches(inbox: str | None = None, places: Collection[str] | None = None) -> list[Counts]:
    """What lies in the inbox: one `{"sender", "inbox", "senders", "places"}` per sender, read by one task in order.

    With `places`, below the home's inbox, only those of them that were not received since; without, all that is there.
    """
    from ingestion import arrivals
    from ingestion.receive import incoming_files, known_senders
    from ingestion.warehouse import create_engine

    settings = get_settings()
    folder = Path(inbox) if inbox else settings.inbox_dir
    if inbox is None:
        folder.mkdir(parents=True, exist_ok=True)
    files = list(incoming_files(folder))
    engine = create_engine(warehouse_url())
    senders = known_senders(files, engine)
    engine.dispose()
    if places is not None:
        known, now, wanted = arrivals.received(settings), arrivals.states(files, folder), set(places)
        new = {place for place, state in now.items() if place in wanted and known.get(place) != state}
        files = [file for file in files if arrivals.place(file, folder) in new]
    by_sender: dict[str, list[str]] = {}
    for file in files:
        by_sender.setdefault(file.sender_code, []).append(arrivals.place(file, folder))
    return [
        {"sender": sender, "inbox": str(folder), "senders": senders, "places": sorted(by_sender[sender])}
        for sender in sorted(by_sender)
    ]


def receive_batch(batch: Counts, night_id: str) -> Counts:
    """Receive the files of one sender, as `batches` listed them. What was received of the home's inbox is noted, in the
    state before it was read, so that it does not arrive again."""
    from ingestion import arrivals
    from ingestion.receive import incoming_files

    inbox, wanted = Path(batch["inbox"]), set(batch["places"])
    files = [file for file in incoming_files(inbox) if arrivals.place(file, inbox) in wanted]
    before = arrivals.states(files, inbox)

    def note(failed: Collection["IncomingFile"]) -> None:
        if inbox == get_settings().inbox_dir:
            lost = {arrivals.place(file, inbox) for file in failed}
            arrivals.note_received(get_settings(), {each: before[each] for each in before.keys() - lost})

    try:
        counts = receive_files(files, night_id, batch["sender"], batch["senders"])
    except ReceiveError as error:
        note(error.files)
        raise
    note(())
    return counts


def receive_files(
    files: Sequence["IncomingFile"],
    night_id: str,
    subject: str,
    senders: Sequence[str],
    tell: Callable[["IncomingFile", "Receipt"], None] = lambda _file, _receipt: None,
) -> Counts:
    """Receive these files; `senders` are all senders known, `tell` is called with each report's receipt.

    A file that fails for a reason of ours does not stop its neighbours; at the end ReceiveError names it, so that it is
    tried again and never passes for received.
    """
    from ingestion.receive import receive_file, sweep
    from ingestion.warehouse import create_engine

    engine = create_engine(warehouse_url())
    counts: Counts = {"files": len(files), "reports": 0, "rows": 0}
    failures: dict[IncomingFile, Exception] = {}
    try:
        with _step(night_id, "receive", subject) as outcome:
            outcome.count_in = len(files)
            sweep(get_settings().archive_dir)
            for file in files:
                try:
                    receipts = receive_file(file, engine, get_settings(), senders)
                except Exception as error:  # noqa: BLE001 - whatever it is, the neighbours go on
                    trace = "".join(format_tb(error.__traceback__))
                    log.error("could not receive %s: %s\n%s", _place(file), brief(error), trace)
                    failures[file] = error
                    continue
                for receipt in receipts:
                    tell(file, receipt)
                    _tell_of_received(outcome, receipt)
                    counts["reports"] += 1
                    counts[receipt.status_code] = counts.get(receipt.status_code, 0) + 1
                    counts["rows"] += receipt.row_count if receipt.status_code == "received" else 0
            outcome.count_out = counts["reports"]
            if failures:
                raise ReceiveError(failures) from ExceptionGroup("not received", list(failures.values()))
    finally:
        engine.dispose()
    return counts


def _tell_of_received(outcome: _Outcome, receipt: "Receipt") -> None:
    """A report that was read: of one seen before no step has anything to tell."""
    if receipt.read_seconds is None or receipt.status_code == "duplicate":
        return
    told = (receipt.submission_id, receipt.dataset or "", receipt.filled_row_count, receipt.row_count)
    outcome.of_report("read", *told, receipt.read_seconds, ", ".join(receipt.refused_by))
    if not receipt.refused_by:
        rows = receipt.row_count
        outcome.touched.datasets.add(receipt.dataset or "")
        outcome.of_report("load", receipt.submission_id, receipt.dataset or "", rows, rows, receipt.load_seconds, "")


@contextmanager
def accepted_rows_alone() -> Iterator[None]:
    """Nobody else judges, or builds and publishes, while the block runs: what is published is of one state of what is
    accepted, though reports are judged all day. Ends with the process, however that ends."""
    import psycopg

    with psycopg.connect(warehouse_url(), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtextextended('accepted rows', 0))")
        yield


def mark_for_judging(
    night_id: str,
    from_period: str | None = None,
    to_period: str | None = None,
    dataset: str | None = None,
    sender: str | None = None,
) -> Counts:
    """Have reports that were judged once judged again by the rules of now, without being sent again.

    Of those whose period ends from the first day of one period to the last day of another; all where nothing is named.
    What a later revision replaced stays so. Raises ScopeError for what is no period or data set, or if nothing matches.
    """
    from ingestion.contract import load_contracts
    from ingestion.ops import Submission
    from ingestion.period import Period
    from ingestion.warehouse import create_engine

    scope: list[sa.ColumnElement[bool]] = [
        Submission.verdict_code.is_not(None),
        Submission.status_code.not_in(("superseded", "duplicate")),
    ]
    try:
        if from_period:
            scope.append(Submission.period_end >= Period.parse(from_period).start)
        if to_period:
            scope.append(Submission.period_end <= Period.parse(to_period).end)
    except ValueError as error:
        raise ScopeError(str(error)) from error
    if dataset:
        if dataset not in load_contracts():
            raise ScopeError(f"no data set {dataset!r}; the data sets are {', '.join(sorted(load_contracts()))}")
        scope.append(Submission.dataset == dataset)
    if sender:
        scope.append(Submission.sender_code == sender)
    engine = create_engine(warehouse_url())
    try:
        with _step(night_id, "mark", "to judge again") as outcome:
            with engine.begin() as connection:
                marked = connection.execute(sa.update(Submission).where(*scope).values(judge_again=True)).rowcount
            if not marked:
                raise ScopeError("no report was judged yet that matches")
            outcome.count_in = outcome.count_out = marked
            return {"submissions": marked}
    finally:
        engine.dispose()


def judge_pending(night_id: str) -> dict[str, list[Counts]]:
    """Judge every report that awaits it, and again those that are compared with what has changed, until none is left.

    Gives the counts of each round by data set. It comes to an end: what a verdict rests on are other data sets, which
    do not rest on it, and earlier years.
    """
    from expectations.gate import pending

    judged: dict[str, list[Counts]] = {}
    with accepted_rows_alone():
        while datasets := pending(warehouse_url()):
            for dataset in datasets:
                judged.setdefault(dataset, []).append(judge_dataset(dataset, night_id))
    if judged:
        build_docs(night_id)
    return judged


def judge_dataset(dataset: str, night_id: str) -> Counts:
    """Judge every report of one data set that awaits it, for the first time or again."""
    from expectations.gate import judge, pending

    url = warehouse_url()
    with _step(night_id, "judge", dataset) as outcome:
        submissions = pending(url).get(dataset, [])
        if not submissions:
            outcome.status_code = "skipped"
            return {"submissions": 0}
        started = time.monotonic()
        verdicts = judge(dataset, submissions, url=url, home=get_settings().home)
        outcome.touched.datasets.add(dataset)
        # all are judged at once: each took its part by its rows
        seconds_per_row = (time.monotonic() - started) / max(sum(verdict.row_count for verdict in verdicts), 1)
        counts: Counts = {"submissions": len(verdicts)}
        for verdict in verdicts:
            counts[verdict.status_code] = counts.get(verdict.status_code, 0) + 1
            rows, accepted = verdict.row_count, verdict.row_count - verdict.held_row_count
            if verdict.status_code == "rejected":
                accepted = 0
            outcome.of_report(
                "judge", verdict.submission_id, dataset, rows, accepted, rows * seconds_per_row, verdict.status_code
            )
        outcome.count_in, outcome.count_out = len(submissions), len(verdicts)
        return counts


def build_docs(night_id: str) -> Counts:
    """Build Great Expectations' Data Docs of this run."""
    from expectations.gate import build_data_docs

    with _step(night_id, "judge", "data docs"):
        return {"site": str(build_data_docs(get_settings().home))}


def answer(night_id: str) -> Counts:
    """Write the answer to every file whose reports were judged since its last one."""
    from ingestion.answer import answer_pending
    from ingestion.warehouse import create_engine

    engine = create_engine(warehouse_url())
    try:
        with _step(night_id, "answer") as outcome:
            answers = answer_pending(engine, get_settings())
            outcome.count_in = outcome.count_out = len(answers)
            counts: Counts = {"answers": len(answers)}
            for answered in answers:
                counts[answered.verdict_code] = counts.get(answered.verdict_code, 0) + 1
                outcome.touched.senders.add(answered.sender_code)
                seconds = answered.seconds / len(answered.submission_ids)
                for submission_id in answered.submission_ids:
                    outcome.of_report(
                        "answer", submission_id, answered.sender_code, answered.finding_count, 1, seconds, ""
                    )
            return counts
    finally:
        engine.dispose()


def build_layer(layer: Layer, night_id: str) -> Counts:
    """Build and test one layer of the warehouse; a failing test is a failure."""
    from dbt_project.build import BuildError, build

    with _step(night_id, "build", layer) as outcome:
        try:
            result = build(layer, warehouse_url())
        except BuildError as error:
            outcome.of_nodes(layer, error.failed)
            raise
        outcome.of_nodes(layer, result.nodes)
        outcome.count_in = outcome.count_out = len(result.nodes)
        return {"nodes": len(result.nodes)}


def publish(night_id: str) -> Counts:
    """Make what was built public, in one transaction."""
    from ingestion.publish import publish as publish_build

    with _step(night_id, "publish") as outcome:
        changes = publish_build(warehouse_url(), night_id)
        outcome.touched.tables = {table: change.rows_after for table, change in changes.items()}
        outcome.count_in = len(changes)
        outcome.count_out = sum(change.rows_removed + change.rows_added for change in changes.values())
        return {
            table: {"rows_removed": change.rows_removed, "rows_added": change.rows_added}
            for table, change in changes.items()
        }


def build_and_publish(night_id: str) -> Counts:
    """Build every layer and make it public, from one state of what is accepted. Killed or failed, it starts over: what
    was built before rests on what was accepted then."""
    with accepted_rows_alone():
        for layer in LAYERS:
            build_layer(layer, night_id)
        return publish(night_id)


def restore_publication(publication_id: int | None, night_id: str) -> Counts:
    """Make an earlier publication public again: this one, else the one before the current."""
    from ingestion.history import restore

    with _step(night_id, "restore publication", str(publication_id or "")) as outcome:
        restored = restore(warehouse_url(), publication_id)
        outcome.count_in = len(restored.changes)
        outcome.count_out = restored.rows_changed
        return {
            "publication_id": restored.publication_id,
            "night_id": restored.night_id,
            "rows_changed": restored.rows_changed,
        }


def send_messages(night_id: str) -> Counts:
    """Send what is to be told; whatever is in the way of that fails no night."""
    from ingestion.notify import send_due
    from ingestion.warehouse import create_engine

    try:
        engine = create_engine(warehouse_url())
        try:
            return dict(send_due(engine, get_settings()))
        finally:
            engine.dispose()
    except Exception as error:  # noqa: BLE001 - it is tried again by the next night, or the watcher
        log.error("messages of night %s were not sent: %s", night_id, brief(error))
        return {}


def notify(night_id: str) -> Counts:
    """Tell of reports that were rejected and of those that are overdue, then send what is to be told; as above."""
    from ingestion.notify import write_overdue, write_rejected
    from ingestion.overdue import NothingReceivedError, overdue_reports
    from ingestion.warehouse import create_engine

    counts: Counts = {}
    try:
        url = warehouse_url()
        engine = create_engine(url)
        try:
            with _step(night_id, "notify") as outcome:
                try:
                    overdue = overdue_reports(url)
                except NothingReceivedError:
                    overdue = []
                with engine.begin() as connection:
                    counts["rejected"] = write_rejected(connection, get_settings(), night_id)
                    counts["overdue"] = write_overdue(connection, get_settings(), night_id, overdue)
                outcome.count_in = outcome.count_out = counts["rejected"] + counts["overdue"]
        finally:
            engine.dispose()
    except Exception as error:  # noqa: BLE001 - the next night tells it
        log.error("night %s was not told: %s", night_id, brief(error))
    return counts | send_messages(night_id)


def tell_deadline_missed(dag_id: str, run_id: str) -> Counts:
    """Tell that a run of a DAG has not ended in time, once; what cannot be sent now is sent later."""
    from ingestion.notify import deadline_missed, write
    from ingestion.warehouse import create_engine

    settings = get_settings()
    engine = create_engine(warehouse_url())
    try:
        with engine.begin() as connection:
            message = deadline_missed(dag_id, run_id, settings.deadline_minutes)
            write(connection, message, settings, [f"deadline {dag_id} {run_id}"])
    finally:
        engine.dispose()
    return send_messages(run_id)


def rotate_surrogates(night_id: str) -> Counts:
    """Give every person a new key, under a new secret, in one publication; killed, the next night publishes them."""
    from ingestion import surrogate
    from ingestion.warehouse import create_engine

    load_reference_lists(night_id)
    engine = create_engine(warehouse_url())
    try:
        with _step(night_id, "rotate", "surrogate secret"), engine.begin() as connection:
            surrogate.rotate(connection, get_settings())
    finally:
        engine.dispose()
    return build_and_publish(night_id)


def run_night(night_id: str, inbox: str | None = None) -> Counts:
    """A whole night in this process, without a scheduler; the same steps in the same order."""
    try:
        load_reference_lists(night_id)
        received = [receive_batch(batch, night_id) for batch in batches(inbox)]
        judged = judge_pending(night_id)
        answered = answer(night_id)
        changes = build_and_publish(night_id)
    finally:
        told = notify(night_id)
    return {
        "received": received,
        "judged": judged,
        "answered": answered,
        "published": changes,
        "told": told,
    }
