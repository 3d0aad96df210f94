"""Code lists: the codes of a column, their Vietnamese names, and every way in which a sender may write them."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from ingestion.settings import REFERENCE_DIR
from ingestion.text import fold


class CodeListError(ValueError):
    """A code list does not exist, or two of its entries cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Code:
    """One entry: the code stored, the Vietnamese name shown, and other ways to write it."""

    code: str
    label: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class CodeList:
    """A named list of codes, in its own order.

    `lookup` gives the code for every accepted way to write it, each in the form of `fold`: the code, the name, the
    aliases, each also with a space or nothing for a hyphen, and a number that a spreadsheet has stripped of its leading
    zeros or given a decimal (`1`, `1.0` for `01`).
    """

    name: str
    entries: tuple[Code, ...]
    lookup: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.entries:
            raise CodeListError(f"code list {self.name} is empty")
        lookup: dict[str, str] = {}
        for entry in self.entries:
            for text in _spellings(entry):
                other = lookup.setdefault(text, entry.code)
                if other != entry.code:
                    raise CodeListError(f"code list {self.name}: {text!r} stands for both {other!r} and {entry.code!r}")
        if len({entry.code for entry in self.entries}) < len(self.entries):
            raise CodeListError(f"code list {self.name}: a code stands twice")
        object.__setattr__(self, "lookup", MappingProxyType(lookup))

    @property
    def codes(self) -> tuple[str, ...]:
        """All codes, in the order of the list."""
        return tuple(entry.code for entry in self.entries)

    @property
    def labels(self) -> dict[str, str]:
        """The Vietnamese name of each code."""
        return {entry.code: entry.label for entry in self.entries}

    def find(self, text: str) -> str | None:
        """The code that this text means, or None."""
        return self.lookup.get(fold(text))


def _spellings(entry: Code) -> Iterable[str]:
    for text in (entry.code, entry.label, *entry.aliases):
        folded = fold(text)
        if not folded:
            raise CodeListError(f"entry {entry.code!r} has an empty code, name or alias")
        yield folded
        if "-" in folded:  # a hyphen is as often a space or nothing: Khơ-me, Khơ me, Khơme
            yield from (folded.replace("-", " "), folded.replace("-", ""))
        if folded.isascii() and folded.isdigit():
            number = folded.lstrip("0") or "0"
            yield from (number, f"{number}.0", f"{folded}.0")


@cache
def load_code_list(name: str, folder: Path = REFERENCE_DIR) -> CodeList:
    """The code list `<name>.csv` of the reference lists. CodeListError where there is none or it is no code list.

    Of its columns these are read: code, name_vi, aliases (separated by `|`) and short.
    """
    path = folder / f"{name}.csv"
    if not path.is_file():
        raise CodeListError(f"there is no code list {name} among the reference lists")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if not {"code", "name_vi"} <= set(reader.fieldnames or ()):
            raise CodeListError(f"{name} is no code list: it has no columns code and name_vi")
        entries = tuple(
            Code(
                code=row["code"],
                label=row["name_vi"],
                aliases=tuple(alias for key in ("short", "aliases") if row.get(key) for alias in row[key].split("|")),
            )
            for row in reader
        )
    return CodeList(name, entries)
