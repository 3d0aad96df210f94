"""Read in a worker process, with limits of memory and time: what a hostile file breaks is the worker, never the caller.

The worker lives long (it starts in a second and reads file after file) and is started anew after a death. It ends when
its caller does. Requests and replies are pickles behind their length, over pipes of their own: what libraries print
goes nowhere, since it may quote a file.
"""

import atexit
import logging
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path
from traceback import format_tb
from typing import Any

import psutil  # type: ignore[import-untyped]

from ingestion.read import Report, read_file, unreadable
from ingestion.reading.unreadable import UnreadableFileError, not_opened
from ingestion.settings import Settings, get_settings

log = logging.getLogger(__name__)

_MIB = 1 << 20
_LENGTH_BYTES = 8
_WATCH_MILLISECONDS = 10  # how often the worker's memory is looked at
_START_SECONDS = 60.0
_CHUNK_BYTES = 1 << 20


def read_file_apart(
    path: Path,
    *,
    sender_code: str,
    period_code: str,
    province: str | None = None,
    today: date | None = None,
) -> list[Report]:
    """As `ingestion.read.read_file`, in this process's worker; its crash or end is a report that says so."""
    global _own
    with _lock:
        if _own is None or _own.settings is not get_settings():
            close()
            _own = ReaderProcess(get_settings())
        return _own.read(path, sender_code=sender_code, period_code=period_code, province=province, today=today)


def close() -> None:
    """End this process's worker, if one runs."""
    global _own
    if _own is not None:
        _own.close()
        _own = None


class ReaderProcess:
    """A worker that reads one file at a time, started when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.peak_memory_mb = 0.0
        """Most that the worker was seen to use for the last file, MiB."""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "ReaderProcess":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def read(
        self,
        path: Path,
        *,
        sender_code: str,
        period_code: str,
        province: str | None = None,
        today: date | None = None,
    ) -> list[Report]:
        """As `ingestion.read.read_file`."""
        arguments = {"sender_code": sender_code, "period_code": period_code, "province": province, "today": today}
        try:
            return self._ask(path, arguments)
        except UnreadableFileError as error:
            return [unreadable(period_code, error)]

    @property
    def pid(self) -> int | None:
        """Of the worker, if one runs."""
        return self._process.pid if self._process is not None else None

    def close(self) -> None:
        """End the worker."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            _close_pipes(process)

    def forget(self) -> None:
        """In a fork of the caller: let go of its pipes, so that the worker sees when the caller itself ends."""
        process, self._process = self._process, None
        if process is not None:
            _close_pipes(process)
            process.returncode = 0  # not ours to wait for

    def _ask(self, path: Path, arguments: dict[str, Any]) -> list[Report]:
        try:
            size_mb = path.stat().st_size / _MIB
        except OSError as error:
            raise not_opened(error) from error
        size_mb = min(size_mb, self.settings.max_file_mb)  # larger is refused unread
        seconds = self.settings.max_read_seconds + size_mb * self.settings.max_read_seconds_per_mb
        memory_mb = self.settings.max_read_memory_mb + size_mb * self.settings.max_read_memory_per_mb
        process = self._running()
        self.peak_memory_mb = 0.0
        request = pickle.dumps((path.absolute(), arguments, seconds, int(memory_mb) * _MIB))
        try:
            reply = self._exchange(process, request, seconds, memory_mb)
            kind, answer = pickle.loads(reply)  # noqa: S301 - from our own worker
        except BaseException:
            self.close()
            raise
        if self.peak_memory_mb > self.settings.max_read_memory_mb / 2:
            self.close()  # what it keeps of a large file would count for the next
        if kind == "reports":
            reports: list[Report] = answer
            return reports
        name, trace = answer
        if name == MemoryError.__name__:
            raise _out_of_memory(memory_mb)
        log.error("reading apart failed: %s\n%s", name, trace)
        raise UnreadableFileError(
            f"chương trình đọc gặp lỗi {name} với tệp này; hãy lưu lại tệp dạng .xlsx rồi gửi lại",
            f"the reader failed on this file with {name}; save it anew as .xlsx and send it again",
        )

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ingestion.reading.apart"],
                env=os.environ | self.settings.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,  # Ctrl-C is for the caller, which ends its worker itself
            )
            try:
                self._receive(self._process, _START_SECONDS, None)
            except UnreadableFileError as error:  # no file is to blame
                self.close()
                raise RuntimeError("the reading worker does not start") from error
        return self._process

    def _exchange(
        self, process: subprocess.Popen[bytes], request: bytes, seconds: float, memory_mb: float
    ) -> bytearray:
        if process.stdin is None:
            raise AssertionError("started with pipes")
        try:
            process.stdin.write(len(request).to_bytes(_LENGTH_BYTES, "little") + request)
        except BrokenPipeError as error:
            raise _died(process) from error
        return self._receive(process, seconds, memory_mb)

    def _receive(self, process: subprocess.Popen[bytes], seconds: float, memory_mb: float | None) -> bytearray:
        """The next reply. Raises UnreadableFileError when the worker died or broke a limit; close it then."""
        if process.stdout is None:
            raise AssertionError("started with pipes")
        reply, wanted, deadline = bytearray(), _LENGTH_BYTES, time.monotonic() + seconds
        watched = psutil.Process(process.pid)
        has_length = False
        poll = select.poll()
        poll.register(process.stdout, select.POLLIN)
        while len(reply) < wanted:
            if poll.poll(_WATCH_MILLISECONDS):
                chunk = os.read(process.stdout.fileno(), min(wanted - len(reply), _CHUNK_BYTES))
                if not chunk:
                    raise _died(process)
                reply += chunk
                if not has_length and len(reply) == wanted:
                    wanted, has_length = int.from_bytes(reply, "little"), True
                    reply.clear()
            if memory_mb is not None:
                self._watch(watched, memory_mb)
            if time.monotonic() > deadline:
                raise _overtime(seconds)
        return reply

    def _watch(self, process: psutil.Process, memory_mb: float) -> None:
        try:
            used_mb = process.memory_info().rss / _MIB
        except psutil.NoSuchProcess:
            return  # told by its closed pipe
        self.peak_memory_mb = max(self.peak_memory_mb, used_mb)
        if used_mb > memory_mb:
            raise _out_of_memory(memory_mb)


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


_own: ReaderProcess | None = None
_lock = threading.Lock()


def _forget_after_fork() -> None:
    global _own, _lock
    _lock = threading.Lock()
    if _own is not None:
        _own.forget()
        _own = None


os.register_at_fork(after_in_child=_forget_after_fork)
atexit.register(close)


def _overtime(seconds: float) -> UnreadableFileError:
    return UnreadableFileError(
        f"đọc quá {seconds:.0f} giây chưa xong; hãy xóa phần thừa hoặc lưu lại tệp dạng .xlsx rồi gửi lại",
        f"not read within {seconds:.0f} seconds; delete what is surplus, or save it anew as .xlsx, and send it again",
    )


def _out_of_memory(memory_mb: float) -> UnreadableFileError:
    return UnreadableFileError(
        f"đọc tệp cần hơn {memory_mb:.0f} MiB bộ nhớ, quá giới hạn đối với dung lượng của tệp; hãy xóa phần thừa",
        f"reading it takes more than {memory_mb:.0f} MiB, over the limit for its size; delete what is surplus",
    )


def _died(process: subprocess.Popen[bytes]) -> UnreadableFileError:
    """Why a worker that closed its pipe ended."""
    code = process.wait()
    how = signal.Signals(-code).name if code < 0 else str(code)
    return UnreadableFileError(
        f"tệp làm chương trình đọc dừng đột ngột ({how}); có thể tệp bị hỏng, hãy lưu lại dạng .xlsx rồi gửi lại",
        f"the file ended the reading program ({how}); it may be damaged, save it anew as .xlsx and send it again",
    )


# --- the worker ---


def _serve() -> None:
    """Answer requests until the caller closes the pipe or ends."""
    requests, replies = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    threading.Thread(target=_end_with_caller, args=(requests,), daemon=True).start()
    with os.fdopen(requests, "rb") as source, os.fdopen(replies, "wb") as target:
        _send(target, b"")  # ready
        while len(length := source.read(_LENGTH_BYTES)) == _LENGTH_BYTES:
            path, arguments, seconds, memory = pickle.loads(  # noqa: S301 - from the caller that started this process
                source.read(int.from_bytes(length, "little"))
            )
            _limit(seconds, memory)
            _send(target, pickle.dumps(_answer(path, arguments), protocol=pickle.HIGHEST_PROTOCOL))
            signal.setitimer(signal.ITIMER_REAL, 0)


def _send(target: Any, content: bytes) -> None:
    target.write(len(content).to_bytes(_LENGTH_BYTES, "little"))
    target.write(content)
    target.flush()


def _answer(path: Path, arguments: dict[str, Any]) -> tuple[str, Any]:
    try:
        return "reports", read_file(path, **arguments)
    except BaseException as error:  # noqa: BLE001 - also the panics of native readers; told, logged by the caller
        return "error", (type(error).__name__, "".join(format_tb(error.__traceback__)))


def _limit(seconds: float, memory: int) -> None:
    """What holds without a caller who watches: the kernel ends this process, or it gets no more memory."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds + 1)
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        # Addresses, not pages: threads and allocators reserve more than they use.
        resource.setrlimit(resource.RLIMIT_DATA, (2 * memory, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with_caller(requests: int) -> None:
    poll = select.poll()
    poll.register(requests, 0)  # hang-up alone
    poll.poll()
    os._exit(0)


if __name__ == "__main__":
    _serve()
