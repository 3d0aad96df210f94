"""What the native reader does not tell of a sheet."""

from dataclasses import dataclass, field

from ingestion.reading.sheet import Broken


@dataclass
class Marks:
    """Rows and columns are counted from 0 at A1.

    `broken` are cells that hold an error or a formula without a value, which the native reader takes for blank;
    `percent` those that show their number as percent; `merged` the areas as in `Sheet.merged`, of formats for which it
    knows none.
    """

    broken: list[Broken] = field(default_factory=list)
    percent: list[tuple[int, int]] = field(default_factory=list)
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)
