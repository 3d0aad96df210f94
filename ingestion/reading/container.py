"""Zip files: opened within the limits, and the reports that a sender packed into one.

A workbook of today is a zip file too; what is checked of both stands here.
"""

import io
import posixpath
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ingestion.reading.unreadable import UnreadableFileError, damaged, locked
from ingestion.settings import Settings

_MIB = 1 << 20
_ENTRY_OF_DIRECTORY = b"PK\x01\x02"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may ask for gigabytes to begin with
_ENCRYPTED, _NAME_IS_UTF8 = 0x1, 0x800
_DRIVE = re.compile(r"^[A-Za-z]:")
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, KeyError, OSError, ValueError)
"""What reading a broken zip file raises."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive. `name` is its path in the archive, with `/` and without tricks, in NFC."""

    name: str
    content: bytes


def members(path: Path, settings: Settings) -> list[Member] | None:
    """The files in an archive, in its order; None for what is none (a workbook, any other file, a damaged zip file).

    Archives in archives are unpacked too, within `max_zip_depth`. Raises UnreadableFileError for an archive that is
    locked, breaks a limit or plays tricks with names: then nothing of it is to be trusted.
    """
    if not 0 < path.stat().st_size <= settings.max_file_mb * _MIB:
        return None
    content = path.read_bytes()
    if not _is_archive(content, settings):
        return None
    found = list(_unpacked(content, settings, depth=1, budget=_Budget(settings.max_unzipped_mb * _MIB)))
    if not found:
        raise UnreadableFileError("tệp nén không chứa tệp nào", "the archive holds no file")
    return found


def open_zip(content: bytes, settings: Settings) -> zipfile.ZipFile:
    """A zip file whose directory keeps the limits. Raises UnreadableFileError, and ZIP_ERRORS when it is broken.

    Sizes are those of the directory: reading fails for an entry that is longer than it says.
    """
    if (entries := content.count(_ENTRY_OF_DIRECTORY)) > settings.max_zip_entries:
        raise UnreadableFileError(
            f"tệp nén có {entries} mục, quá giới hạn {settings.max_zip_entries}",
            f"the zip file has {entries} entries, over the limit of {settings.max_zip_entries}",
        )
    archive = zipfile.ZipFile(io.BytesIO(content))
    entries_by_place = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    for entry, following in pairwise(entries_by_place):
        if entry.header_offset + entry.compress_size > following.header_offset:
            raise damaged("các mục trong tệp nén chồng lên nhau", "entries of the zip file overlap")
    expanded = sum(entry.file_size for entry in entries_by_place)
    if expanded > settings.max_zip_ratio * len(content):
        ratio, limit = expanded // len(content), settings.max_zip_ratio
        raise UnreadableFileError(
            f"tệp nén giải ra gấp {ratio} lần, quá giới hạn {limit} lần",
            f"the file expands {ratio} times, over the limit of {limit}",
        )
    for entry in entries_by_place:
        if entry.flag_bits & _ENCRYPTED:
            raise locked()
        if entry.compress_type not in _METHODS:
            raise damaged("kiểu nén không được hỗ trợ", "a method of compression that is not supported")
        _refuse_tricks(entry)
    return archive


def _refuse_tricks(entry: zipfile.ZipInfo) -> None:
    """No name may lead out of the archive, nor an entry be anything but a file or a folder."""
    name = entry.orig_filename.replace("\\", "/")
    is_trick = (
        name.startswith("/")
        or _DRIVE.match(name)
        or ".." in name.split("/")
        or any(ord(letter) < ord(" ") for letter in name)
    )
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if is_trick or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnreadableFileError(
            "tệp nén chứa đường dẫn hoặc liên kết không an toàn", "the zip file holds an unsafe path or link"
        )


class _Budget:
    """Bytes that may still be unpacked, over all depths."""

    def __init__(self, limit: int) -> None:
        self.limit = self.left = limit

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise UnreadableFileError(
                f"tệp nén giải ra quá {self.limit / _MIB:.0f} MiB",
                f"the archive expands to more than {self.limit / _MIB:.0f} MiB",
            )


def _is_archive(content: bytes, settings: Settings) -> bool:
    if not content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return False
    try:
        with open_zip(content, settings) as archive:
            names = set(archive.namelist())
    except ZIP_ERRORS:
        return False  # the reader tells what is wrong with it
    return not names & {"[Content_Types].xml", "mimetype"}


def _unpacked(content: bytes, settings: Settings, *, depth: int, budget: _Budget, folder: str = "") -> Iterator[Member]:
    if depth > settings.max_zip_depth:
        raise UnreadableFileError(
            f"tệp nén lồng nhau quá {settings.max_zip_depth} lớp",
            f"archives in archives, deeper than {settings.max_zip_depth}",
        )
    seen: set[str] = set()
    try:
        with open_zip(content, settings) as archive:
            for entry in archive.infolist():
                name = posixpath.normpath(_name(entry))
                if entry.is_dir() or _is_of_the_desktop(name):
                    continue
                if name.casefold() in seen:
                    raise UnreadableFileError(
                        f"tệp nén chứa hai tệp cùng tên “{name}”", f"the archive holds two files named “{name}”"
                    )
                seen.add(name.casefold())
                budget.take(entry.file_size)
                inner = archive.read(entry)
                if len(inner) != entry.file_size:
                    raise damaged("kích thước ghi sai", "an entry is not as long as it says")
                if _is_archive(inner, settings):
                    place = f"{folder}{name}/"
                    yield from _unpacked(inner, settings, depth=depth + 1, budget=budget, folder=place)
                else:
                    yield Member(folder + name, inner)
    except ZIP_ERRORS as error:
        raise damaged(str(error)) from error


def _is_of_the_desktop(name: str) -> bool:
    parts = name.split("/")
    return parts[0] == "__MACOSX" or parts[-1] == ".DS_Store"


def _name(entry: zipfile.ZipInfo) -> str:
    """The name as its sender sees it: without a mark for UTF-8 the code page of his machine wrote it."""
    name = entry.orig_filename
    if not entry.flag_bits & _NAME_IS_UTF8:
        raw = name.encode("cp437")
        for encoding in ("utf-8", "cp1258"):
            try:
                name = raw.decode(encoding)
            except UnicodeDecodeError:
                continue
            break
    return unicodedata.normalize("NFC", name.replace("\\", "/"))
