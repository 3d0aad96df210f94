"""A sheet built cell by cell, for formats whose cells come one after another."""

from typing import Any

import polars as pl

from ingestion.reading.sheet import Broken, Sheet, typed_columns
from ingestion.reading.unreadable import too_many_cells, too_many_columns, too_many_merged
from ingestion.settings import Settings


class Grid:
    """Cells by row and column, counted from 0; raises UnreadableFileError when they break a limit."""

    def __init__(self, name: str, settings: Settings, *, hidden: bool = False) -> None:
        self.name = name
        self.hidden = hidden
        self.settings = settings
        self.width = 0
        self.rows: list[list[Any]] = []
        self.merged: list[tuple[tuple[int, int], tuple[int, int]]] = []
        self.broken: list[Broken] = []

    def put(self, row: int, column: int, value: Any, *, rows: int = 1, columns: int = 1) -> None:
        """Set a cell, which may stand for several; its value is that of the first."""
        if column >= self.settings.max_columns:
            raise too_many_columns(column + 1, self.settings.max_columns)
        self.width = max(self.width, column + 1)
        height = max(row + 1, len(self.rows))
        if height * self.width > self.settings.max_cells:
            raise too_many_cells(height * self.width, self.settings.max_cells)
        while len(self.rows) < height:
            self.rows.append([])
        line = self.rows[row]
        line.extend([""] * (column + 1 - len(line)))
        line[column] = value
        if rows > 1 or columns > 1:
            self.merged.append(((row, column), (row + rows - 1, column + columns - 1)))
            if len(self.merged) > self.settings.max_merged:
                raise too_many_merged(len(self.merged), self.settings.max_merged)

    def sheet(self) -> Sheet:
        """What was put together."""
        return Sheet(
            name=self.name,
            columns=typed_columns(iter(self.rows), self.width),
            row_numbers=pl.int_range(1, len(self.rows) + 1, dtype=pl.Int32, eager=True),
            hidden=self.hidden,
            merged=self.merged,
            broken=self.broken,
        )
