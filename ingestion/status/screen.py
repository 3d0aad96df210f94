"""The status on the operator's screen: one screen, the most urgent first; `--json` has every line."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from ingestion.local.airflow import COMPONENTS
from ingestion.status.glance import DUE_SOON_DAYS, Night, Owed, Reports, Status
from ingestion.status.unusual import Movement

_LINES = 5  # of a list
_TABLES = 3  # of a publication


def show(console: Console, status: Status) -> None:
    """Print the status."""
    console.print(f"Chung Tay  {status.at:%Y-%m-%d %H:%M %Z}  {status.stack.home}", markup=False, soft_wrap=True)
    for title, lines in _paragraphs(status):
        for number, line in enumerate(lines):
            if isinstance(line, Table):
                console.print(line)
            else:
                console.print(f"{'' if number else title:<11}{line}", markup=False, soft_wrap=True)


def ago(seconds: float) -> str:
    """A span of time as one number: `5 min`, `3 h`, `2 d`."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size * 2 or (unit == "min" and seconds >= size):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def by_sender(owed: Iterable[Owed]) -> list[dict[str, Any]]:
    """What senders owe, a line each, who is longest late (or due first) first."""
    lines: dict[str, dict[str, Any]] = {}
    for each in owed:
        line = lines.setdefault(
            each.sender_code,
            {
                "sender": each.sender_code,
                "period": each.period_code,
                "reports": 0,
                "due_on": each.due_on,
                "days": each.days,
                "datasets": [],
            },
        )
        line["reports"] += 1
        if each.dataset not in line["datasets"]:
            line["datasets"].append(each.dataset)
    return list(lines.values())


def by_dataset(reports: Iterable[Reports]) -> list[dict[str, Any]]:
    """What came of each data set, a line each; duplicates and superseded revisions are not counted."""
    lines: dict[str, dict[str, Any]] = {}
    for each in reports:
        if each.status_code in ("duplicate", "superseded"):
            continue
        name = each.dataset or "(not recognised)"
        line = lines.setdefault(
            name, {"dataset": name, "accepted": 0, "rejected": 0, "waiting": 0, "rows": 0, "rows_held": 0}
        )
        status = {"rejected": "rejected", "received": "waiting"}.get(each.status_code, "accepted")
        line[status] += each.report_count
        if status == "accepted":
            line["rows"] += each.row_count
            line["rows_held"] += each.held_row_count
    return list(lines.values())


Line = str | Table


def _paragraphs(status: Status) -> Iterator[tuple[str, list[Line]]]:
    if status.warehouse.state != "answers":
        said = {"empty": "is empty", "down": "is DOWN", "unreachable": "does NOT ANSWER"}[status.warehouse.state]
        yield "Warehouse", [f"{said}: {status.warehouse.why}"]
    else:
        yield "Published", list(_published(status))
        if status.night is not None and (status.night.outcome != "published" or status.night.reasons):
            yield "Last night", list(_night(status.night))
        if status.running:
            yield "Runs now", [f"{each.step}, for {ago(each.seconds)}" for each in status.running[:_LINES]]
        yield "Late", list(_late(status.overdue))
        yield "Held", list(_held(status))
        if status.movement is not None:
            yield "Unusual", list(_moved(status.movement))
        yield "Due soon", list(_due_soon(status.due_soon))
        lines = by_dataset(status.reports)
        count = sum(line["accepted"] + line["rejected"] + line["waiting"] for line in lines)
        yield "Reports", [f"{count}, without duplicates and what was superseded", _table(lines)] if lines else ["none"]
    yield "Messages", list(_messages(status))
    yield "Processes", list(_processes(status))


def _published(status: Status) -> Iterator[Line]:
    publication = status.publication
    if publication is None:
        yield "nothing yet"
        return
    when = f"{publication.published_at.astimezone(status.at.tzinfo):%Y-%m-%d %H:%M %Z}"
    when += f", {ago(publication.age_seconds)} ago"
    yield f"{when}, night {publication.night_id}"
    if publication.restores:
        yield f"brought back: publication {publication.restores} is public again, until the next night"
    if not publication.changes:
        yield "nothing changed"
        return
    tables = [f"{each.table} +{each.rows_added} -{each.rows_removed}" for each in publication.changes[:_TABLES]]
    rest = len(publication.changes) - len(tables)
    yield (
        f"{publication.rows_changed} rows changed in {len(publication.changes)} tables: {', '.join(tables)}"
        f"{f', and {rest} more' if rest else ''}"
    )


def _night(night: Night) -> Iterator[Line]:
    said = {
        "published": "published, but not all went well",
        "refused": "REFUSED: nothing was published, mart is as it was",
        "failed": "FAILED: nothing was published, mart is as it was",
        "running": "runs now",
        "unfinished": "NOT FINISHED: no step runs, and nothing was published",
    }[night.outcome]
    yield f"{night.night_id} {said}"
    yield from _some(night.reasons)


def _late(overdue: Sequence[Owed] | None) -> Iterator[Line]:
    if overdue is None:
        yield "cannot be told before the first night"
        return
    senders = by_sender(overdue)
    if not senders:
        yield "nobody"
        return
    rejected = sum(each.status_code == "rejected" for each in overdue)
    yield f"{len(overdue)} reports of {len(senders)} senders ({rejected} were rejected); `chungtay overdue` lists them"
    yield _table(
        [
            {name: value for name, value in line.items() if name != "period"}
            | {"datasets": _shortened(line["datasets"])}
            for line in senders[:_LINES]
        ]
    )


def _held(status: Status) -> Iterator[Line]:
    if not status.held:
        yield "no row"
        return
    rows = sum(each.held_row_count for each in status.held)
    yield f"{rows} rows in {len(status.held)} reports; `chungtay findings` lists why"
    yield _table(
        [
            {
                "dataset": each.dataset, "sender": each.sender_code, "period": each.period_code,
                "rows_held": each.held_row_count, "of": each.row_count, "rules": ", ".join(each.rules),
            }
            for each in status.held[:_LINES]
        ]
    )  # fmt: skip


def _moved(movement: Movement) -> Iterator[Line]:
    past = f"; too short a past to tell: {movement.too_short_count}" if movement.too_short_count else ""
    count = len(movement.moved)
    yield f"{count or 'none'} of {movement.compared_count} series compared with the same season before{past}"
    if movement.moved:
        yield _table(
            [
                {
                    "what": f"{each.name} {each.standard_code}".strip(), "where": each.place,
                    "period": each.period_code, "value": number(each.value), "usual": number(each.usual),
                    "unit": each.unit, "earlier": ", ".join(map(number, each.earlier)),
                }
                for each in movement.moved[:_LINES]
            ]
        )  # fmt: skip


def _due_soon(due_soon: Sequence[Owed] | None) -> Iterator[Line]:
    if due_soon is None:
        yield "cannot be told before the first night"
        return
    if not due_soon:
        yield f"nothing within {DUE_SOON_DAYS} days"
        return
    late = [each for each in due_soon if each.was_late]
    yield (f"{len(due_soon)} reports within {DUE_SOON_DAYS} days are missing; {len(late)} of them were late a year ago")
    yield _table(
        [
            {
                "sender": each.sender_code, "dataset": each.dataset, "period": each.period_code, "due_on": each.due_on,
                "days_left": each.days, "a_year_ago": a_year_ago(each),
            }
            for each in sorted(due_soon, key=lambda each: (not each.was_late, each.days))[:_LINES]
        ]
    )  # fmt: skip


def a_year_ago(owed: Owed) -> str:
    """What the sender did with the same report a year before."""
    if owed.was_late is None:
        return "not expected"
    if not owed.was_late:
        return "on time"
    return f"{owed.days_late} days late" if owed.days_late else "never came"


def _messages(status: Status) -> Iterator[Line]:
    channels = " and ".join(status.messages.channels)
    yield f"by {channels}" if channels else "no channel: none is set, nothing is sent"
    for each in status.messages.undelivered:
        yield f"{each.message_count} NOT DELIVERED by {each.channel}: {each.last_error or 'not tried yet'}"


def _processes(status: Status) -> Iterator[Line]:
    stack = status.stack
    names = {name: getattr(stack, name) for name in ("postgres", *COMPONENTS)}
    yield ", ".join(f"{name} {pid or 'down'}" for name, pid in names.items())
    if stack.airflow_url:
        yield f"Airflow {stack.airflow_url}, password in {stack.airflow_password_file}"


def number(value: float) -> str:
    """A count as it is, anything else with two decimals."""
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}"


def _some(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:_LINES]
    if len(lines) > _LINES:
        yield f"… and {len(lines) - _LINES} more"


def _shortened(names: Sequence[str]) -> str:
    return ", ".join(_some(names[:_LINES])) + (" …" if len(names) > _LINES else "")


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")  # the place of the titles
    table.columns[0].width = 9
    for name in rows[0]:
        is_number = all(isinstance(row[name], int) for row in rows)
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row("", *(str(value) for value in row.values()))
    return table
