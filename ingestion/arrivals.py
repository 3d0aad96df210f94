"""Files that lie in the inbox and were not received yet, as they arrive.

A file is told by its place under the inbox and its state: inode, size and time of change. What was received stands in
`<home>/received_files.json`, written by receiving itself, so that a watcher that ends at any moment loses no file, and
one that starts again repeats none. The inbox is only looked at.
"""

import json
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ingestion.local.postgres import locked, write_private
from ingestion.receive import IncomingFile, incoming_files, is_being_written
from ingestion.settings import Settings

log = logging.getLogger(__name__)

State = tuple[int, int, int]
_TELL_AGAIN_SECONDS = 600  # what was told and not received since
_AT_ONCE = 1_000  # most files told at once; the others follow


def state_of(file: IncomingFile) -> State | None:
    """Inode, size in bytes and time of change in ns; None if the file is gone."""
    try:
        stat = file.path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def states(files: Collection[IncomingFile], inbox: Path) -> dict[str, State]:
    """The states of these files by place."""
    found = {place(file, inbox): state_of(file) for file in files}
    return {where: state for where, state in found.items() if state is not None}


def place(file: IncomingFile, inbox: Path) -> str:
    """Where a file lies under the inbox: `<sender>/<period>/<file>`."""
    return file.path.relative_to(inbox).as_posix()


def received(settings: Settings) -> dict[str, State]:
    """The files of the home's inbox in the states in which they were received, by place."""
    try:
        kept = json.loads(_record(settings).read_text(encoding="utf-8"))
        return {where: (inode, size, changed) for where, (inode, size, changed) in kept.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        log.error("%s cannot be read, every file is told again: %s", _record(settings), error)
        return {}


def note_received(settings: Settings, seen: Mapping[str, State]) -> None:
    """Note that these files of the home's inbox were received in these states; what is gone is forgotten."""
    with locked(settings.home / ".received_files.lock"):
        kept = {where: state for where, state in received(settings).items() if (settings.inbox_dir / where).exists()}
        write_private(_record(settings), json.dumps(kept | dict(seen), ensure_ascii=False))


def _record(settings: Settings) -> Path:
    return settings.home / "received_files.json"


class Arrivals:
    """What arrives, look by look: each file once, when it was not received and is quiet; once more when it changed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._since: dict[str, tuple[State, float]] = {}  # the state of each file, and when it was first seen so
        self._told: dict[str, tuple[State, float]] = {}

    def look(self, instant: float | None = None) -> Sequence[str]:
        """Places of the files to receive now. `instant` is in seconds of a clock that only moves forward."""
        instant = time.monotonic() if instant is None else instant
        inbox = self._settings.inbox_dir
        if not inbox.is_dir():
            return []
        now = states(list(incoming_files(inbox)), inbox)
        self._since = {
            where: before if (before := self._since.get(where)) and before[0] == state else (state, instant)
            for where, state in now.items()
        }
        known = received(self._settings)
        self._told = {
            where: (state, told)
            for where, (state, told) in self._told.items()
            if now.get(where) == state and instant - told < _TELL_AGAIN_SECONDS
        }
        quiet = self._settings.arrival_quiet_seconds
        new = [
            where
            for where, (state, since) in self._since.items()
            if known.get(where) != state and where not in self._told and instant - since >= quiet
        ][:_AT_ONCE]
        new = [where for where in new if not _is_open(inbox / where)]
        self._told |= {where: (now[where], instant) for where in new}
        return new


def _is_open(path: Path) -> bool:
    """Whether somebody writes the file, though it has not changed of late; or took it away."""
    try:
        with path.open("rb") as file:
            return is_being_written(file)
    except FileNotFoundError:
        return True
