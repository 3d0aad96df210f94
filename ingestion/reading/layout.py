"""Find a data set in a sheet: which one it is, and under which headings its columns stand.

A data set is told by its headings alone, never by the name of the file or the sheet. Headings may take several rows,
merged or not; the lowest is the heading, what stands over it tells two alike apart. Above them a report may carry its
letterhead, its title and the unit of its amounts.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import polars as pl

from ingestion.contract import Column, Contract, Form, poverty_standards
from ingestion.contract import heading_key as _heading_key
from ingestion.period import Period
from ingestion.reading.sheet import Sheet
from ingestion.text import fold

heading_key = lru_cache(maxsize=20_000)(_heading_key)  # the same headings come in every file
_WINDOW = 60  # headings stand in the first rows
_WINDOW_CELLS = 100_000  # of which wide sheets show fewer, so that a hostile one costs little
_MOST_GROUPED = 1_000  # columns that what stands over them may tell apart: no report has so many
_DEEPEST_HEADING = 4
_SHARE_WITH_KEY = 0.4
_SHARE_WITHOUT_KEY = 0.7


# --- units in headings -----------------------------------------------------------------------------------------------

_SCALES = {"nghìn": 1_000, "ngàn": 1_000, "1000": 1_000, "triệu": 1_000_000, "1000000": 1_000_000, "tỷ": 1_000_000_000}
_SCALES |= {"nghin": 1_000, "ngan": 1_000, "trieu": 1_000_000, "tr": 1_000_000, "tỉ": 1_000_000_000, "": 1}
_SCALE = r"(?P<scale>nghìn|nghin|ngàn|ngan|triệu|trieu|tr|tỷ|tỉ|1[.,\s]?000[.,\s]?000|1[.,\s]?000)"
_CURRENCY = r"(?:đồng|dong|vnđ|vnd|việt nam đồng|đ)"
_PER = r"(?:\s*/\s*(?:người|khẩu|hộ|tháng|nguoi|khau|ho|thang)){0,2}"
_MONEY = re.compile(rf"(?:{_SCALE}?[\s.]*{_CURRENCY}|(?P<alone>nghìn|ngàn|triệu|trieu|tỷ|tỉ)){_PER}")
# "hợp đồng" ends as money does: without brackets, a unit needs its scale or something that sets it off.
_TAIL = re.compile(
    rf"(?:\s*[-,;:]\s*(?:đvt|đơn vị tính|đơn vị|dvt)?\s*[:.]?|\s+(?:đvt|đơn vị tính|dvt)\s*[:.]?)\s*"
    rf"(?P<set_off>(?:{_SCALE}[\s.]*)?{_CURRENCY}{_PER})$"
    rf"|\s(?P<scaled>{_SCALE.replace('scale', 'scale2')}[\s.]*{_CURRENCY}{_PER})$"
)
_OTHER_MEASURE = re.compile(r"usd|us\$|\$|đô la|eur|kíp|\bm2|km2|\bmét\b|\bsào\b|\bmẫu\b|%|phần trăm")
_UNITS_OF = {
    "hectare": ("ha", "hecta"),
    "percent": ("%", "phần trăm"),
    "percent per year": ("%/năm", "% năm", "%", "%/ năm", "% / năm", "phần trăm"),
}
_BRACKETS = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_UNIT_LINE = re.compile(r"(?:\bđvt|\bđơn vị tính|\bđơn vị|\bdvt|\bdon vi tinh)\s*[:.]\s*\(?(?P<unit>[^;,()]*)")


def money_factor(unit: str) -> int | None:
    """Dong in one unit of money, as in `triệu đồng`, `1.000 đ`, `đồng/người/tháng`; None for anything else."""
    match = _MONEY.fullmatch(fold(unit).strip(" .:;"))
    if match is None:
        return None
    return _SCALES[match["alone"] or re.sub(r"[.,\s]", "", match["scale"] or "")]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading without its unit. `keys` are its forms for comparison, with and without what stands in brackets.
    `factor` is dong per unit where it names one; `strange` where it names a measure that no column of ours is in."""

    keys: tuple[str, ...]
    factor: int | None
    measure: str
    strange: bool


@lru_cache(maxsize=20_000)
def parse_heading(text: str) -> Heading:
    """A heading as sent: its key for comparison, and the unit in brackets or at its end."""
    factor, measure, strange = None, "", False
    bare = fold(text)
    for content in _BRACKETS.findall(bare):
        if (found := money_factor(content)) is not None:
            factor = found
            bare = re.sub(rf"[(\[]{re.escape(content)}[)\]]", " ", bare)
        else:
            measure = measure or content.strip()
            strange = strange or _OTHER_MEASURE.search(content) is not None
    if factor is None and (match := _TAIL.search(bare)):
        factor = money_factor(match["set_off"] or match["scaled"])
        bare = bare[: match.start()]
    keys = tuple(dict.fromkeys((heading_key(bare), heading_key(_BRACKETS.sub(" ", bare)))))
    return Heading(keys, factor, measure, strange)


def unit_line(lines: Iterable[str]) -> int | None:
    """Dong per unit where a line above the table says one: `Đơn vị tính: triệu đồng`."""
    factors = {
        factor
        for line in lines
        if (match := _UNIT_LINE.search(fold(line))) and (factor := money_factor(match["unit"])) is not None
    }
    return factors.pop() if len(factors) == 1 else None


# --- the layout of a sheet -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Placed:
    """A column of the data set in a sheet: its index there, its heading as sent, dong per unit if it is money."""

    column: Column
    index: int
    heading: str
    factor: int = 1


@dataclass(frozen=True, slots=True)
class PlacedRate:
    """A column of rates in a sheet, which says 100 × `part` / `whole`: columns of the contract."""

    index: int
    heading: str
    part: str
    whole: str


@dataclass(frozen=True)
class Layout:
    """Where a data set stands in a sheet, in one of its forms. Rows and columns are indices into the sheet.

    `rates` are checked and not loaded; `by_code` gives, by code of `form.code_by_column`, the column that tells it, and
    `addends` the columns that add up to one of the contract which has none of its own.
    `unknown` are columns with a heading that is none of the data set's, or that of a column which stands elsewhere;
    `nameless` are columns without any heading.
    """

    contract: Contract
    form: Form
    standard_code: str
    placed: tuple[Placed, ...]
    rates: tuple[PlacedRate, ...]
    by_code: Mapping[str, int]
    addends: Mapping[str, tuple[Placed, ...]]
    missing: tuple[Column, ...]
    unknown: tuple[tuple[int, str], ...]
    nameless: tuple[int, ...]
    heading_rows: range
    above: tuple[str, ...]

    def index_of(self, name: str) -> int | None:
        """Index of a column in the sheet, by its name in the contract."""
        return next((placed.index for placed in self.placed if placed.column.name == name), None)

    @property
    def names_places(self) -> bool:
        """Whether a row is one commune, told by its name: such forms carry the sums of districts among their rows."""
        code = next((column for column in self.contract.columns if column.place == "commune_code"), None)
        has_names = any(placed.column.place == "commune_name" for placed in self.placed)
        return code is not None and code.key and code.derived and has_names


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a sheet was taken for: a layout, or the titles of the data sets between which it stands."""

    layout: Layout | None
    rivals: tuple[Contract, ...] = ()


def recognise(sheet: Sheet, contracts: Collection[Contract], period: Period | None) -> Recognition:
    """The one data set whose headings the sheet carries. Without a period all poverty standards are tried.

    Of several forms of a data set it is the one that leaves the fewest headings unexplained.
    """
    top = _Top(sheet, [_known_headings(contract, form.id) for contract in contracts for form in contract.forms])
    found: list[tuple[float, Layout]] = []
    for contract in contracts:
        forms = [best for form in contract.forms if (best := _best_layout(top, contract, form, period)) is not None]
        if forms:
            found.append(min(forms, key=lambda best: len(best[1].unknown)))
    if not found:
        return Recognition(None)
    best_share = max(share for share, _ in found)
    layouts = [layout for share, layout in found if share == best_share]
    if len(layouts) > 1:
        return Recognition(None, tuple(layout.contract for layout in layouts))
    return Recognition(layouts[0])


def looks_like_table(sheet: Sheet) -> bool:
    """Whether a sheet holds rows of cells, rather than a note or nothing."""
    filled = [column.filled() for column in sheet.columns]
    count = pl.sum_horizontal([series.cast(pl.Int32) for series in filled]) if filled else None
    return count is not None and int((pl.select(count).to_series() >= 3).sum()) >= 2


class _Top:
    """The first rows of a sheet as text, with what merged areas mean for headings."""

    def __init__(self, sheet: Sheet, forms: "Collection[_Known]") -> None:
        self.known = frozenset[str]().union(*(form.keys for form in forms))
        self.beginnings = frozenset[str]().union(*(form.beginnings for form in forms))
        filled = sum(bool(cells.series()) for cells in sheet.columns)
        height = min(sheet.height, _WINDOW, max(_WINDOW_CELLS // (filled or 1), 2 * _DEEPEST_HEADING))
        columns = [
            cells.slice(0, height).written().to_list() if cells.series() else [None] * height for cells in sheet.columns
        ]
        self.rows: list[list[str | None]] = [list(row) for row in zip(*columns, strict=True)]
        self.filled = [index for index, row in enumerate(self.rows) if any(text is not None for text in row)]
        self.width = len(columns)
        self.spans: dict[tuple[int, int], int] = {}
        for (first_row, first), (_, last) in sheet.merged:
            self.spans[first_row, first - sheet.first_column] = last - sheet.first_column
        self.rows_with_spans = {row for (row, left), right in self.spans.items() if right > left}
        self._blocks: dict[range, _Block] = {}
        self._parents: dict[int, list[str | None]] = {}
        self._headings: dict[int, list[Heading]] = {}

    def parent(self, row: int, column: int) -> str | None:
        """The text over a column: in it, or in the cell to its left that stretches over it."""
        if row not in self._parents:
            merged = row in self.rows_with_spans
            over: list[str | None] = []
            text, reach = None, -1
            for index, own in enumerate(self.rows[row]):
                if own is not None:
                    text, reach = own, self.spans.get((row, index), index) if merged else self.width
                over.append(text if index <= reach else None)
            self._parents[row] = over
        return self._parents[row][column]

    def headings(self, row: int) -> "list[Heading]":
        """The texts of a row that are headings somewhere."""
        if row not in self._headings:
            headings = [parse_heading(text) for text in dict.fromkeys(self.rows[row]) if text and not text.isdecimal()]
            self._headings[row] = [heading for heading in headings if self.knows(heading)]
        return self._headings[row]

    def knows(self, heading: "Heading") -> bool:
        """Whether a heading means something in some form."""
        return any(key in self.known for key in heading.keys) or any(map(heading.keys[0].startswith, self.beginnings))

    def block(self, rows: range) -> "_Block":
        """The headings, if they stand in these rows."""
        if rows not in self._blocks:
            self._blocks[rows] = _block(self, rows)
        return self._blocks[rows]


@dataclass(frozen=True, slots=True)
class _Block:
    """One guess at the heading rows: for each column its own heading, and the texts it may be known by in some form;
    `row_numbers` are columns that number the rows."""

    rows: range
    labels: list[str | None]
    candidates: list[list[Heading]]
    parents: list[list[str]]
    row_numbers: frozenset[int]


def _block(top: _Top, rows: range) -> _Block:
    labels: list[str | None] = []
    candidates: list[list[Heading]] = []
    parents: list[list[str]] = []
    headed = 0
    for column in range(top.width):
        own = [(row, text) for row in rows if (text := top.rows[row][column]) is not None]
        if not own:
            labels.append(None)
            candidates.append([])
            parents.append([])
            continue
        leaf_row, leaf = own[-1]
        headed += 1
        over = [text for row in rows if row < leaf_row and (text := top.parent(row, column)) is not None]
        labels.append(leaf)
        parents.append(over)
        if headed > _MOST_GROUPED:
            candidates.append([heading for heading in [parse_heading(leaf)] if top.knows(heading)])
            continue
        joined = " ".join(text for _, text in own)
        grouped = [text for group in reversed(over) for text in (f"{group} {leaf}", f"{leaf} {group}")]
        texts = dict.fromkeys([*grouped, leaf, joined, " ".join([*over, leaf])])
        candidates.append([heading for text in texts if top.knows(heading := parse_heading(text))])
    row_numbers = (index for index, label in enumerate(labels) if label and heading_key(label) in _ROW_NUMBER_KEYS)
    return _Block(rows, labels, candidates, parents, frozenset(row_numbers))


def _best_layout(top: _Top, contract: Contract, form: Form, period: Period | None) -> tuple[float, Layout] | None:
    known = _known_headings(contract, form.id)
    hits = [
        len({meaning for heading in top.headings(row) if (meaning := known.meaning(heading)) is not None})
        for row in top.filled
    ]
    if not hits or max(hits) == 0:
        return None
    # A column numbered by the list of deprivations is known only by what stands over it, so look around the best row.
    seed = hits.index(max(hits))
    best: tuple[tuple[int, int], Layout] | None = None
    for first in range(max(0, seed - _DEEPEST_HEADING + 1), seed + 1):
        for last in range(seed, min(len(top.filled), first + _DEEPEST_HEADING)):
            rows = range(top.filled[first], top.filled[last] + 1)
            layout = _layout(top, top.block(rows), contract, form, period, known)
            score = len(layout.placed) + len(layout.rates) + len(layout.by_code) + len(layout.addends), first - last
            if best is None or score > best[0]:
                best = score, layout
    if best is None:
        return None
    layout = best[1]
    required = sum(column.name in form.required for column in _sent_columns(contract, form, layout.standard_code))
    share = 1 - sum(column.name in form.required for column in layout.missing) / required
    has_key = all(layout.index_of(name) is not None for name in contract.key)
    if share < (_SHARE_WITH_KEY if has_key and not form.id else _SHARE_WITHOUT_KEY):
        return None
    return share, layout


def _layout(top: _Top, block: _Block, contract: Contract, form: Form, period: Period | None, known: "_Known") -> Layout:
    found: dict[_Meaning, list[tuple[int, int]]] = {}
    for index, candidates in enumerate(block.candidates):
        for heading in candidates:
            meaning = known.meaning(heading)
            if meaning is not None and (meaning.role != "column" or _unit_fits(contract.column(meaning.name), heading)):
                found.setdefault(meaning, []).append((known.rank(heading), index))
                break
    named = {meaning.name: min(ranked)[1] for meaning, ranked in found.items() if meaning.role == "column"}
    numbered = _numbered_deprivations(block, contract)
    standard = _standard(contract, period, named, numbered)
    columns = _sent_columns(contract, form, standard)
    places = {
        column.name: found_at
        for column in columns
        if (found_at := named.get(column.name, numbered.get(column.number_in(standard)))) is not None
    }
    rates = tuple(
        PlacedRate(index, known.shown[meaning], rate.part, rate.whole)
        for meaning, ranked in found.items()
        if meaning.role == "rate"
        for rate in [form.checked_rates[int(meaning.name)]]
        for _, index in ranked
    )
    by_code = {meaning.name: min(ranked)[1] for meaning, ranked in found.items() if meaning.role == "code"}
    addends: dict[str, list[int]] = {}
    for meaning, ranked in found.items():
        if meaning.role == "addend" and (name := meaning.name.partition(" ")[0]) not in places:
            addends.setdefault(name, []).append(min(ranked)[1])
    idle = [
        index for meaning, ranked in found.items() if meaning.role in ("not_loaded", "addend") for _, index in ranked
    ]
    idle += [
        index
        for meaning, ranked in found.items()
        if meaning.role == "column"
        for _, index in ranked
        if known.is_idle(block.labels[index])
    ]
    given = {*places, *addends}
    if form.code_by_column and by_code.keys() == form.code_by_column.headings.keys():
        given |= {form.code_by_column.code, form.code_by_column.value}
    above = tuple(text for row in top.rows[: block.rows.start] for text in row if text is not None)
    if contract.standard_in_title and period is not None:
        standard = _standard_named(above, period)
    table_factor = unit_line(above) or 1
    taken = {*places.values(), *by_code.values(), *idle, *(rate.index for rate in rates)}

    def factor(index: int) -> int:
        return _factor(block, index) or table_factor

    return Layout(
        contract=contract,
        form=form,
        standard_code=standard,
        placed=tuple(
            Placed(column, places[column.name], _shown(block.labels[places[column.name]]), factor(places[column.name]))
            for column in columns
            if column.name in places
        ),
        rates=rates,
        by_code=by_code,
        addends={
            name: tuple(
                Placed(contract.column(name), index, _shown(block.labels[index]), factor(index)) for index in indices
            )
            for name, indices in addends.items()
        },
        missing=tuple(_missing(contract, form, columns, given)),
        unknown=tuple(
            (index, _shown(label))
            for index, label in enumerate(block.labels)
            if label is not None and index not in taken and index not in block.row_numbers
        ),
        nameless=tuple(index for index, label in enumerate(block.labels) if label is None),
        heading_rows=block.rows,
        above=above,
    )


_ROW_NUMBER_KEYS = frozenset({"", "tt", "stt", "sott", "sothutu", "thutu"})


def _shown(label: str | None) -> str:
    return " ".join((label or "").split())


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a heading says about its column: the column of the contract that it is, the number of the rates to check,
    the code that it tells, the column and the number among those that add up to it, or that it is not loaded."""

    role: Literal["column", "rate", "code", "addend", "not_loaded"]
    name: str


class _Known:
    """The headings of a form. A column's own headings have ranks: where two are there, the first one is meant."""

    def __init__(self, contract: Contract, form: Form) -> None:
        self.keys: dict[str, tuple[_Meaning, int]] = {}
        self.beginnings: dict[str, tuple[_Meaning, int]] = {}
        self.shown: dict[_Meaning, str] = {}
        declared = [
            (heading, _Meaning("column", column.name), rank)
            for column in contract.columns
            if not column.derived and column.name in form.columns
            for rank, heading in enumerate(dict.fromkeys((*column.headings, *form.headings.get(column.name, ()))))
        ]
        others = [(rate.headings, _Meaning("rate", str(number))) for number, rate in enumerate(form.checked_rates)]
        if form.code_by_column:
            others += [(texts, _Meaning("code", code)) for code, texts in form.code_by_column.headings.items()]
        others += [
            (list(texts), _Meaning("addend", f"{name} {number}"))
            for name, parts in form.added_up.items()
            for number, texts in enumerate(parts)
        ]
        others.append((list(form.not_loaded), _Meaning("not_loaded", "")))
        self._idle = {heading_key(heading) for heading in form.not_loaded}
        declared += [(heading, meaning, rank) for texts, meaning in others for rank, heading in enumerate(texts)]
        for heading, meaning, rank in declared:
            self.shown.setdefault(meaning, heading)
            if heading.endswith("…"):
                self.beginnings.setdefault(heading_key(heading), (meaning, rank))
            else:
                self.keys.setdefault(heading_key(heading), (meaning, rank))
        self._lengths = sorted({len(start) for start in self.beginnings}, reverse=True)
        for heading, meaning, rank in declared:  # a heading as declared goes before the same without its brackets
            if not heading.endswith("…"):
                for key in parse_heading(heading).keys:
                    self.keys.setdefault(key, (meaning, rank))

    def meaning(self, heading: Heading) -> _Meaning | None:
        """What a heading means here; None for one that is not known."""
        found = self._found(heading)
        return found[0] if found else None

    def is_idle(self, label: str | None) -> bool:
        """Whether a column that stands twice, once under this heading, is known to."""
        return any(key in self._idle for key in parse_heading(label or "").keys)

    def rank(self, heading: Heading) -> int:
        """The place of a known heading among those of its column."""
        found = self._found(heading)
        if found is None:
            raise KeyError(heading)
        return found[1]

    def _found(self, heading: Heading) -> tuple[_Meaning, int] | None:
        for key in heading.keys:
            if (found := self.keys.get(key)) is not None:
                return found
        beginnings = (self.beginnings.get(heading.keys[0][:length]) for length in self._lengths)
        return next((found for found in beginnings if found is not None), None)


@lru_cache(maxsize=200)
def _known_headings(contract: Contract, layout: str) -> _Known:
    return _Known(contract, contract.form(layout))


def _unit_fits(column: Column, heading: Heading) -> bool:
    """Whether a column may stand under a heading with this unit: money for money, hectares for hectares."""
    if column.type == "amount":
        return not heading.strange
    if heading.factor is not None:
        return False
    return not heading.strange or heading.measure in _UNITS_OF.get(column.unit or "", ())


def _factor(block: _Block, index: int) -> int | None:
    """Dong per unit as a column's own heading says, or else one over it."""
    own = [block.labels[index], *reversed(block.parents[index])]
    return next((factor for text in own if text and (factor := parse_heading(text).factor) is not None), None)


def _numbered_deprivations(block: _Block, contract: Contract) -> dict[int | None, int]:
    """Index by number of the columns headed by a number alone under the group heading of deprivations."""
    groups = {heading_key(heading) for heading in contract.deprivation_group_headings}
    numbered: dict[int | None, int] = {}
    for index, label in enumerate(block.labels):
        match = re.fullmatch(r"\(?\s*(\d{1,2})(?:[.,]0)?\s*\)?", label or "")
        if match and any(heading_key(text) in groups for text in block.parents[index]):
            numbered.setdefault(int(match[1]), index)
    return numbered


def _standard(
    contract: Contract, period: Period | None, named: Mapping[str, int], numbered: Mapping[int | None, int]
) -> str:
    """Of the poverty standards of the period (of all, for a period without one), the one whose list of deprivations the
    headings fit best."""
    in_force = contract.layouts(period) if period else ()
    standards = list(in_force) or [standard.code for standard in contract.standards] or [""]

    def fit(standard: str) -> int:
        listed = [column for column in contract.columns if column.deprivation and column.stands_in(standard)]
        here = [column for column in listed if column.name in named or column.number_in(standard) in numbered]
        strange = sum(column.deprivation is not None and column.name in named for column in contract.columns)
        strange += len(numbered)
        return 2 * len(here) - len(listed) - abs(strange - len(here))

    return max(standards, key=fit, default="")


def _standard_named(lines: Iterable[str], period: Period) -> str:
    """The standard that a title names, of a year under two; '' where the year leaves no choice, or nothing is named."""
    standards = poverty_standards(period.year)
    text = "\n".join(lines)
    named = [standard.code for standard in standards if standard.is_named_in(text)]
    return named[0] if len(standards) > 1 and len(named) == 1 else ""


def _sent_columns(contract: Contract, form: Form, standard: str) -> tuple[Column, ...]:
    return tuple(
        column for column in contract.columns_for(standard) if not column.derived and column.name in form.columns
    )


def _missing(contract: Contract, form: Form, columns: Iterable[Column], given: Collection[str]) -> Iterable[Column]:
    for column in columns:
        if column.name in given:
            continue
        group = next((group for group in contract.one_of if column.name in group), ()) if not form.id else ()
        if column.name in form.required or (
            group and column.name == group[0] and not any(name in given for name in group)
        ):
            yield column
