"""Cells into values: by the declared type of their column, exactly, or not at all.

Each type has one function that reads one text and says what is wrong with it; a column is read by a vectorised path for
the usual forms and by that function for each other distinct value. A cell that cannot be read becomes null and an
`Unread`, which keeps what was expected; nothing is guessed from a single value that may mean two numbers.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Literal

import polars as pl

from ingestion.code_list import CodeList
from ingestion.contract import Column
from ingestion.reading.sheet import Cells
from ingestion.text import fold

DecimalSign = Literal[",", "."]

_MAX_SCALE = 12
_DECIMAL_PRECISION = 38
_EXACT_FLOAT = 2**53


@dataclass(frozen=True, slots=True)
class Unread:
    """Why a text is no value of its column: the rule that it breaks and what was expected."""

    expected_vi: str
    expected_en: str
    rule: str = "unreadable_cell"


@dataclass(frozen=True, slots=True)
class Reading:
    """A column read: `values` of the contract's type, and what could not be read, by index into them.

    `precision` is set for dates that may be less than a day exact: 'day', 'month', 'year', null where no date is.
    """

    values: pl.Series
    unread: Mapping[int, Unread] = field(default_factory=dict)
    precision: pl.Series | None = None


def read_column(
    cells: Cells, column: Column, *, factor: int = 1, sheet_sign: DecimalSign | None = None, vague_dates: bool = False
) -> Reading:
    """Read the cells of one column. `factor` is dong per unit of an amount; `sheet_sign` the decimal sign that other
    columns of the sheet show, for a column that shows none; `vague_dates` allows a bare year or month."""
    match column.type:
        case "flag":
            return _by_text(cells, pl.Boolean, read_flag)
        case "code":
            return _by_text(cells, pl.String, partial(read_code, codes=_codes(column)))
        case "code_list":
            return _by_text(cells, pl.List(pl.String), partial(read_codes, codes=_codes(column)))
        case "date":
            return _read_dates(cells, vague=vague_dates)
        case "integer" | "decimal" | "amount":
            return _read_numbers(cells, column, factor, sheet_sign)
        case "text":
            return _read_texts(cells, column)


def _codes(column: Column) -> CodeList:
    if column.codes is None:
        raise ValueError(f"column {column.name} has no code list")
    return column.codes


# --- texts -----------------------------------------------------------------------------------------------------------

_BLANK_MARKS = frozenset({"", "-", "--", "---", ".", "..", "...", "…", "n/a", "na", "#n/a", "null", "none", "nil"})
_DIGITS = re.compile(r"[0-9]+")
_EXPONENT = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+]?[0-9]+")
_NUMBER_AS_TEXT = re.compile(r"([0-9]+)[.,]0+")  # 56.0, as programs write a code that they hold as a number
_CODE_AND_NUMBER = re.compile(r"([0-9]{1,5})\s*[-‐-―−]\s*([0-9]{1,5})")


def clean_text(text: str) -> str:
    """Composed Unicode, plain spaces, none around; inner words as sent."""
    return unicodedata.normalize("NFC", text).replace("\xa0", " ").strip()


def is_blank(text: str) -> bool:
    """Whether a text says that there is no value: `-`, `--`, `n/a`; not for columns of free text."""
    return fold(text) in _BLANK_MARKS


def _read_texts(cells: Cells, column: Column) -> Reading:
    if column.place == "commune_code":
        return _by_identifier(cells, _read_commune_code, column.pattern)
    if column.pattern and _accepts(column.pattern, "07615-00004"):
        return _by_identifier(cells, _read_household_code, column.pattern)
    if column.pattern and _accepts(column.pattern, "024155715129"):
        return _read_national_ids(cells, column.pattern)
    if column.pattern or column.key:
        return _by_identifier(cells, _read_identifier, column.pattern)
    texts = cells.text
    if texts is None or len(cells.series()) > 1:
        return _by_text(cells, pl.String, clean_text)
    return Reading(_normalised(texts))


def _accepts(pattern: str, example: str) -> bool:
    return re.search(pattern, example) is not None


def _normalised(texts: pl.Series) -> pl.Series:
    return texts.str.normalize("NFC").str.replace_all("\xa0", " ", literal=True)


_SHOWN_AS_EXPONENT = 1e6
"""A long number that ends in so many zeros was once shown as 1.23457E+11 and read back from that."""
_LOST_DIGITS = Unread(
    "mã dạng văn bản; ô đang là số đã mất chữ số (định dạng lại cột là Text và nhập lại)",
    "the code as text; the cell is a number that has lost digits (format the column as text and type it again)",
)
_BECAME_DATE = Unread(
    "mã dạng văn bản; Excel đã đổi ô này thành ngày (định dạng lại cột là Text và nhập lại)",
    "the code as text; the spreadsheet made it a date (format the column as text and type it again)",
)


def _read_identifier(text: str) -> str | Unread | None:
    text = text.removeprefix("'")  # as typed before a number that is to stay a text
    if is_blank(text):
        return None
    if _EXPONENT.fullmatch(text):
        return _LOST_DIGITS
    if match := _NUMBER_AS_TEXT.fullmatch(text):
        return match[1]
    return clean_text(text)


def _read_commune_code(text: str) -> str | Unread | None:
    value = _read_identifier(text)
    return value.zfill(5) if isinstance(value, str) and _DIGITS.fullmatch(value) and len(value) < 5 else value


def _read_household_code(text: str) -> str | Unread | None:
    value = _read_identifier(text)
    if isinstance(value, str) and (match := _CODE_AND_NUMBER.fullmatch(value)):
        return f"{match[1].zfill(5)}-{match[2].zfill(5)}"
    return value


def _read_national_ids(cells: Cells, pattern: str) -> Reading:
    """A number has lost its leading zeros. A text has, too, where the column shows it: not one of its ids has any."""
    texts = cells.text.drop_nulls() if cells.text is not None else pl.Series(dtype=pl.String)
    zeros_kept = bool(texts.str.contains(r"^0[0-9]+$").any())

    def read(text: str, *, restore: bool) -> str | Unread | None:
        value = _read_identifier(text)
        if not isinstance(value, str):
            return value
        value = re.sub(r"(?<=[0-9])[\s.](?=[0-9])", "", value)
        if restore and _DIGITS.fullmatch(value):
            return value.zfill(12) if len(value) in (10, 11) else value.zfill(9) if len(value) == 8 else value
        return value

    numbers = Cells(cells.height, number=cells.number)
    others = Cells(cells.height, text=cells.text, moment=cells.moment, truth=cells.truth)
    first = _by_identifier(others, partial(read, restore=not zeros_kept), pattern)
    if cells.number is None:
        return first
    second = _by_identifier(numbers, partial(read, restore=True), None)
    return Reading(pl.select(pl.coalesce(first.values, second.values)).to_series(), {**first.unread, **second.unread})


def _by_text(cells: Cells, dtype: Any, read: Callable[[str], Any], usual: str | None = None) -> Reading:
    """Read each distinct text once. Texts that fit the pattern `usual` are values as they are."""
    written = cells.written()
    rest = written.is_not_null() if usual is None else ~written.str.contains(usual).fill_null(True)
    if usual is not None and not rest.any():
        return Reading(written)
    unique = written.filter(rest).unique()
    results = {text: read(text) for text in unique}
    table = pl.DataFrame(
        {
            "text": unique,
            "value": pl.Series(
                [None if isinstance(result := results[text], Unread) else result for text in unique],
                dtype=dtype,
                strict=True,
            ),
        }
    )
    values = pl.DataFrame({"text": written}).join(table, on="text", how="left", maintain_order="left")["value"]
    if usual is not None:
        values = pl.select(pl.when(rest).then(values).otherwise(written)).to_series()
    bad = [text for text, result in results.items() if isinstance(result, Unread)]
    return Reading(values, {index: results[written[index]] for index in written.is_in(bad).arg_true()} if bad else {})


def _by_identifier(cells: Cells, read: Callable[[str], Any], usual: str | None) -> Reading:
    """As `_by_text`, for identifiers: a spreadsheet may have made them dates, or numbers of 15 digits at most."""
    reading = _by_text(cells, pl.String, read, usual)
    spoilt: dict[int, Unread] = {}
    if cells.moment is not None:
        spoilt |= dict.fromkeys(cells.moment.is_not_null().arg_true(), _BECAME_DATE)
    if cells.number is not None:
        size = cells.number.abs()
        lost = (size >= 1e15) | ((size >= 1e11) & (size % _SHOWN_AS_EXPONENT == 0))
        spoilt |= dict.fromkeys(lost.fill_null(False).arg_true(), _LOST_DIGITS)
    if not spoilt:
        return reading
    return Reading(reading.values.scatter(list(spoilt), None), {**reading.unread, **spoilt})


# --- flags and codes -------------------------------------------------------------------------------------------------

_TRUE_MARKS = frozenset(
    {
        "x",
        "xx",
        "1",
        "1.0",
        "có",
        "co",
        "true",
        "v",
        "✓",
        "✔",
        "☑",
        "√",
        "yes",
        "y",
        "đúng",
        "+",
        "*",
        "●",
        "•",
        "■",
        "☒",
    }
)
_FALSE_MARKS = frozenset(
    {"", "0", "0.0", "không", "khong", "ko", "không có", "false", "no", "n", "-", "--", "sai", "☐"}
)
_FLAG_EXPECTED = Unread("dấu x nếu có, để trống nếu không", "x for yes, blank for no")


def read_flag(text: str) -> bool | Unread:
    """True or false; a blank cell never comes here and means no."""
    folded = fold(text)
    if folded in _TRUE_MARKS:
        return True
    return False if folded in _FALSE_MARKS else _FLAG_EXPECTED


def read_code(text: str, codes: CodeList) -> str | Unread | None:
    """The code that a text means."""
    if (code := codes.find(text)) is not None:
        return code
    return None if is_blank(text) else _unknown(codes)


def _unknown(codes: CodeList) -> Unread:
    labels = list(codes.labels.values())
    shown = ", ".join(f"“{label}”" for label in labels[:12]) + (", …" if len(labels) > 12 else "")
    return Unread(f"một trong: {shown}", f"one of: {shown}", rule="unknown_code")


_SEPARATORS = re.compile(r"[;\n\r|]+")
_BULLET = re.compile(r"^(?:[-+•*·]\s*|[0-9]{1,2}[.)]\s+)")


def read_codes(text: str, codes: CodeList) -> list[str] | Unread | None:
    """The codes of a list in its order, each once. Commas separate only where they stand in no name."""
    found: list[str] = []
    for piece in _SEPARATORS.split(text):
        name = _BULLET.sub("", piece.strip()).strip(" .,")
        if not name or is_blank(name):
            continue
        known = codes.find(name)
        split = [known] if known is not None else _split_at_commas(name, codes)
        if split is None:
            return _unknown(codes)
        found.extend(split)
    return list(dict.fromkeys(found)) or None


def _split_at_commas(text: str, codes: CodeList) -> list[str] | None:
    parts = [part.strip() for part in text.split(",")]
    found: list[str] = []
    start = 0
    while start < len(parts):
        for end in range(len(parts), start, -1):
            if (code := codes.find(", ".join(parts[start:end]))) is not None:
                found.append(code)
                start = end
                break
        else:
            return None
    return found


# --- numbers ---------------------------------------------------------------------------------------------------------

_SPACED_GROUPS = re.compile(r"(?<=[0-9])[\s'’](?=[0-9]{3}(?:\D|$))")
_NUMBER = re.compile(r"(?P<sign>[-+−]?)\s*(?P<body>[0-9][0-9.,]*)")
_GROUPS = {
    sign: re.compile(rf"[0-9]{{1,3}}(?:\{other}[0-9]{{3}})*(?:\{sign}[0-9]+)?|[0-9]+(?:\{sign}[0-9]+)?")
    for sign, other in ((",", "."), (".", ","))
}
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "VND": ("đồng", "vnđ", "vnd", "đ"),
    "VND per person per month": ("đồng", "vnđ", "vnd", "đ"),
    "person": ("người", "khẩu", "nhân khẩu"),
    "household": ("hộ",),
    "village": ("thôn",),
    "hectare": ("ha",),
    "month": ("tháng",),
    "percent per year": ("%", "%/năm"),
}


@dataclass(frozen=True, slots=True)
class TwoReadings:
    """A text that is a number with a decimal sign, or another with a thousands separator."""

    decimal: Decimal
    thousands: Decimal


def parse_number(text: str, sign: DecimalSign | None) -> Decimal | TwoReadings | None:
    """The number that a text writes, the column's decimal sign being `sign` (None where it shows none).

    Thousands are grouped by the other sign, by spaces or not at all; brackets mean less than zero.
    """
    bare = _SPACED_GROUPS.sub("", text.replace("\xa0", " ").replace("\u202f", " ").strip())
    negative = bare.startswith("(") and bare.endswith(")")
    match = _NUMBER.fullmatch(bare[1:-1].strip() if negative else bare)
    if match is None or (negative and match["sign"]):
        return None
    factor = -1 if negative or match["sign"] in ("-", "−") else 1
    body = match["body"]
    readings = {
        mark: factor * Decimal(body.replace("." if mark == "," else ",", "").replace(",", "."))
        for mark in (",", ".")
        if _GROUPS[mark].fullmatch(body)
    }
    if not readings:
        return None
    if len(set(readings.values())) == 1:
        return next(iter(readings.values()))
    if sign is not None:
        return readings.get(sign)
    mark: DecimalSign = "." if "." in body else ","
    return TwoReadings(readings[mark], readings["," if mark == "." else "."])


def has_no_fractions(column: Column, factor: int) -> bool:
    """Whether the cells of a column are whole numbers: persons, or money written in dong."""
    return column.type == "integer" or (column.type == "amount" and factor == 1)


def decimal_sign(texts: pl.Series, *, whole: bool = False) -> DecimalSign | None:
    """The decimal sign that the texts of a column agree on; None where they show none, or both.

    `whole` says that the column holds no fractions: a sign before three digits then groups thousands.
    """
    shown: set[DecimalSign] = set()
    for sign, other in ((",", r"\."), (".", ",")):
        mark = sign if sign == "," else r"\."
        evidence = (
            rf"^\D*[0-9]*{mark}[0-9]{{1,2}}\D*$|{mark}[0-9]{{4,}}\D*$|^\D*0[0-9]*{mark}[0-9]|^\D*[0-9]{{4,}}{mark}[0-9]"
            rf"|[0-9]{other}[0-9]{{3}}{other}[0-9]{{3}}|[0-9]{other}[0-9]{{3}}{mark}[0-9]|[0-9] [0-9]{{3}}{mark}[0-9]"
        )
        if texts.str.contains(evidence).any():
            shown.add(sign)  # type: ignore[arg-type]
    shown = shown or _grouping(texts, whole=whole)
    return shown.pop() if len(shown) == 1 else None


def _grouping(texts: pl.Series, *, whole: bool) -> set[DecimalSign]:
    """The decimal signs that go with the thousands separators of a column whose numbers show nothing else.

    One who writes 1.250 and 1.400 for a little more than one would write 0.940 or 940.000 beside them: 940 alone tells
    that the dot groups thousands. Three such cells, or a last zero that a fraction would not keep, are enough.
    """
    found: dict[DecimalSign, pl.Series] = {}
    for sign, mark in ((",", r"\."), (".", ",")):
        grouped = texts.filter(texts.str.contains(rf"^[1-9][0-9]{{0,2}}{mark}[0-9]{{3}}$"))
        if len(grouped):
            found[sign] = grouped  # type: ignore[index]
    if whole or len(found) != 1:
        return set(found)
    plain = texts.str.contains(r"^[1-9][0-9]{0,2}$").any() and not texts.str.contains(r"^[0-9]{4,}$").any()
    return {sign for sign, cells in found.items() if plain and (len(cells) >= 3 or cells.str.ends_with("0").any())}


def _read_numbers(cells: Cells, column: Column, factor: int, sheet_sign: DecimalSign | None) -> Reading:
    whole = column.type in ("integer", "amount")
    unread: dict[int, Unread] = {}
    parts: list[pl.Series] = []
    if cells.number is not None:
        native, rest = _native_numbers(cells.number, factor if column.type == "amount" else 1, whole=whole)
        parts.append(native)
        if rest.any():
            parts.append(_by_unique(cells.number, rest, partial(_exact_number, column=column, factor=factor), unread))
    if cells.text is not None:
        sign = decimal_sign(cells.text.drop_nulls(), whole=has_no_fractions(column, factor))
        usual, rest = _plain_whole_texts(cells.text, whole and factor == 1, sign)
        parts.append(usual)
        if rest.any():
            read = partial(_read_number, column=column, factor=factor, sign=sign or sheet_sign)
            parts.append(_by_unique(cells.text, rest, read, unread))
    for kind in (cells.moment, cells.truth):
        if kind is not None:
            for index in kind.is_not_null().arg_true():
                unread[index] = _number_expected(column, factor)
    return Reading(_combined(parts, cells.height, whole=whole, amount=column.type == "amount"), unread)


def _native_numbers(numbers: pl.Series, factor: int, *, whole: bool) -> tuple[pl.Series, pl.Series]:
    """(values as Int64 or exact decimal texts, mask of those that need a closer look)."""
    if not whole:
        texts = numbers.cast(pl.String)
        plain = texts.str.contains(r"^-?[0-9]{1,15}\.[0-9]{1,10}$") & (texts.str.len_bytes() <= 16)
        return texts.set(~plain.fill_null(True), None), numbers.is_not_null() & ~plain
    scaled = numbers * factor
    rounded = scaled.round()
    # Below a thousand million the noise of binary fractions stays under a millionth; above, decimals are exact.
    sure = (
        (scaled == rounded) & (rounded.abs() < _EXACT_FLOAT)
        if factor == 1
        else (((scaled - rounded).abs() <= 5e-7) & (rounded.abs() < 1e9))
    )
    return rounded.set(~sure.fill_null(True), None).cast(pl.Int64), numbers.is_not_null() & ~sure


def _plain_whole_texts(texts: pl.Series, whole: bool, sign: DecimalSign | None) -> tuple[pl.Series, pl.Series]:
    """(values as Int64 of texts that are surely whole numbers, mask of the others)."""
    if not whole:
        return pl.repeat(None, len(texts), dtype=pl.Int64, eager=True), texts.is_not_null()
    groups = {",": r"|^[0-9]{1,3}(?:\.[0-9]{3}){1,4}$", ".": r"|^[0-9]{1,3}(?:,[0-9]{3}){1,4}$", None: ""}[sign]
    plain = texts.str.contains(
        rf"^[0-9]{{1,15}}$|^[0-9]{{1,3}}(?:\.[0-9]{{3}}){{2,4}}$|^[0-9]{{1,3}}(?:,[0-9]{{3}}){{2,4}}${groups}"
    )
    kept = texts.set(~plain.fill_null(True), None).str.replace_all(r"[.,]", "").cast(pl.Int64)
    return kept, texts.is_not_null() & ~plain


def _by_unique(
    series: pl.Series, mask: pl.Series, read: Callable[[Any], Decimal | Unread | None], unread: dict[int, Unread]
) -> pl.Series:
    """Decimal texts of the masked values, each distinct one read once."""
    indices = mask.arg_true()
    values = series.gather(indices)
    unique = values.unique()
    results = {value: read(value) for value in unique}
    texts = pl.Series(
        [format(result, "f") if isinstance(result, Decimal) else None for result in map(results.get, values)],
        dtype=pl.String,
    )
    for index, value in zip(indices, values, strict=True):
        if isinstance(result := results[value], Unread):
            unread[index] = result
    return pl.repeat(None, len(series), dtype=pl.String, eager=True).scatter(indices, texts)


def _combined(parts: list[pl.Series], height: int, *, whole: bool, amount: bool) -> pl.Series:
    """One column of Int64, Decimal(38, 0) or the Decimal that keeps every digit."""
    integers = [part for part in parts if part.dtype == pl.Int64]
    texts = [part for part in parts if part.dtype == pl.String]
    if whole:
        integers += [
            text.str.to_integer(strict=True) if text.null_count() < height else text.cast(pl.Int64) for text in texts
        ]
        values = (
            pl.select(pl.coalesce(integers)).to_series()
            if integers
            else pl.repeat(None, height, dtype=pl.Int64, eager=True)
        )
        return values.cast(pl.Decimal(_DECIMAL_PRECISION, 0)) if amount else values
    texts += [integer.cast(pl.String) for integer in integers]
    if not texts:
        return pl.repeat(None, height, dtype=pl.Decimal(_DECIMAL_PRECISION, 0), eager=True)
    text = pl.select(pl.coalesce(texts)).to_series()
    fractions = text.str.extract(r"\.([0-9]*?)0*$").str.len_bytes().max()
    return text.str.to_decimal(scale=int(fractions or 0))  # type: ignore[arg-type]


def _exact_number(value: float, *, column: Column, factor: int) -> Decimal | Unread:
    """A native number: as a spreadsheet shows it, to 15 digits, since what lies beyond is noise of its binary form."""
    exact = Decimal(int(value)) if value.is_integer() and abs(value) <= _EXACT_FLOAT else Decimal(f"{value:.15g}")
    return _fitted(exact, column, factor)


def _read_number(text: str, *, column: Column, factor: int, sign: DecimalSign | None) -> Decimal | Unread | None:
    if is_blank(text):
        return None
    folded = fold(text)
    suffixes = _SUFFIXES.get(column.unit or "", ()) if column.type != "amount" or factor == 1 else ()
    for suffix in suffixes:
        if folded.endswith(suffix) and (number := folded.removesuffix(suffix).strip(" .")):
            text = number
            break
    parsed = parse_number(text, sign)
    if isinstance(parsed, TwoReadings):
        if has_no_fractions(column, factor):
            return _fitted(parsed.thousands, column, factor)
        possible = [value for value in (parsed.decimal, parsed.thousands) if _in_range(value * factor, column)]
        if len(possible) == 1:
            return _fitted(possible[0], column, factor)
        return Unread(
            f"một số rõ nghĩa: {_vi(parsed.decimal)} hay {_vi(parsed.thousands)}? (ghi dấu phẩy cho phần thập phân)",
            f"an unambiguous number: {parsed.decimal:f} or {parsed.thousands:f}?",
        )
    return _number_expected(column, factor) if parsed is None else _fitted(parsed, column, factor)


def _in_range(value: Decimal, column: Column) -> bool:
    low, high = column.minimum, column.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def _fitted(value: Decimal, column: Column, factor: int) -> Decimal | Unread:
    """The value in the unit of the column: whole dong, whole persons, or as it is."""
    if column.type == "decimal":
        if abs(value) >= 10**20 or -value.as_tuple().exponent > _MAX_SCALE:  # type: ignore[operator]
            return _number_expected(column, factor)
        return value
    scaled = value * factor if column.type == "amount" else value
    whole = scaled.to_integral_value()
    if abs(scaled - whole) > Decimal("1e-6") or abs(whole) >= 2**63:
        return _number_expected(column, factor)
    return whole


def _vi(value: Decimal) -> str:
    return f"{value:,f}".translate(str.maketrans(",.", ".,"))


_MONEY_NAMES = {1: "đồng", 1_000: "nghìn đồng", 1_000_000: "triệu đồng", 1_000_000_000: "tỷ đồng"}


def _number_expected(column: Column, factor: int) -> Unread:
    if column.type == "integer":
        return Unread("số nguyên, ví dụ 12", "a whole number, as 12")
    if column.type == "decimal":
        return Unread("số, ví dụ 12,5", "a number, as 12.5")
    unit = _MONEY_NAMES[factor]
    example = {1: "1.250.000", 1_000: "1.250", 1_000_000: "1,25", 1_000_000_000: "0,5"}[factor]
    return Unread(
        f"số tiền tính bằng {unit}, ra số đồng chẵn, ví dụ {example}",
        f"an amount in units of {factor:,} dong that gives whole dong",
    )


# --- dates -----------------------------------------------------------------------------------------------------------

_EPOCH = date(1899, 12, 30)
_FIRST_YEAR, _LAST_YEAR = 1800, 2100  # one born in 1890 is a matter for a rule
# A small number in a column of dates is a year (1985), not the 1,985th day after 1899.
_FIRST_SERIAL, _LAST_SERIAL = 2101, 73_415
_TIME = re.compile(r"[ tT]+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:z|Z|[+-][0-9]{2}:?[0-9]{2})?$")
_DAY_FIRST = re.compile(r"([0-9]{1,2})\s*[/.\-\s]\s*([0-9]{1,2})\s*[/.\-\s]\s*([0-9]{4})")
_YEAR_FIRST = re.compile(r"([0-9]{4})\s*[/.\-]\s*([0-9]{1,2})\s*[/.\-]\s*([0-9]{1,2})")
_IN_WORDS = re.compile(r"(?:ngày\s*)?([0-9]{1,2})\s*tháng\s*([0-9]{1,2})\s*,?\s*năm\s*([0-9]{4})")
_MONTH = re.compile(r"(?:tháng\s*)?([0-9]{1,2})\s*[/.\-]\s*([0-9]{4})|([0-9]{4})-([0-9]{1,2})")
_YEAR = re.compile(r"(?:năm\s*)?([0-9]{4})(?:[.,]0)?")

Precision = Literal["day", "month", "year"]


def read_date(text: str, *, vague: bool) -> tuple[date, Precision] | Unread | None:
    """The date that a text writes, day first; `vague` allows a month or a year, which stand for their first day."""
    if is_blank(text):
        return None
    folded = _TIME.sub("", fold(text)).strip()
    if match := _DAY_FIRST.fullmatch(folded) or _IN_WORDS.fullmatch(folded):
        return _day(match[3], match[2], match[1], vague)
    if match := _YEAR_FIRST.fullmatch(folded):
        return _day(match[1], match[2], match[3], vague)
    if folded.isascii() and folded.isdigit():
        return _read_date_digits(folded, vague)
    if vague and (match := _MONTH.fullmatch(folded)):
        found = _day(match[2] or match[3], match[1] or match[4], "1", vague)
        return found if isinstance(found, Unread) else (found[0], "month")
    if vague and (match := _YEAR.fullmatch(folded)):
        return _year(int(match[1]))
    return _date_expected(vague)


def _read_date_digits(digits: str, vague: bool) -> tuple[date, Precision] | Unread:
    if len(digits) == 8:
        orders = ((digits[:4], digits[4:6], digits[6:]), (digits[4:], digits[2:4], digits[:2]))
        found = {day for order in orders if not isinstance(day := _day(*order, vague), Unread)}
        return found.pop() if len(found) == 1 else _date_expected(vague)
    number = int(digits)
    if vague and len(digits) == 4 and number < _FIRST_SERIAL:
        return _year(number)
    return _serial(number, vague) if len(digits) == 5 else _date_expected(vague)


def _serial(number: int, vague: bool) -> tuple[date, Precision] | Unread:
    if _FIRST_SERIAL <= number <= _LAST_SERIAL:
        return _EPOCH + timedelta(days=number), "day"
    return _date_expected(vague)


def _day(year: str, month: str, day: str, vague: bool) -> tuple[date, Precision] | Unread:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return _date_expected(vague)
    return (found, "day") if _FIRST_YEAR <= found.year <= _LAST_YEAR else _date_expected(vague)


def _year(year: int) -> tuple[date, Precision] | Unread:
    return (date(year, 1, 1), "year") if _FIRST_YEAR <= year <= _LAST_YEAR else _date_expected(True)


def _date_expected(vague: bool) -> Unread:
    if vague:
        return Unread("ngày/tháng/năm đủ bốn chữ số, hoặc chỉ năm", "day/month/year with four digits, or a year")
    return Unread("ngày/tháng/năm, năm đủ bốn chữ số, ví dụ 05/06/2023", "day/month/year with four digits")


def _read_dates(cells: Cells, *, vague: bool) -> Reading:
    height = cells.height
    unread: dict[int, Unread] = {}
    dates = [pl.repeat(None, height, dtype=pl.Date, eager=True)]
    precisions = [pl.repeat(None, height, dtype=pl.String, eager=True)]
    if cells.moment is not None:
        dates.append(cells.moment.cast(pl.Date))
        precisions.append(pl.select(pl.when(cells.moment.is_not_null()).then(pl.lit("day"))).to_series())
    for series, read in (
        (cells.text, partial(read_date, vague=vague)),
        (cells.number, partial(_read_date_number, vague=vague)),
        (cells.truth, lambda _: _date_expected(vague)),
    ):
        if series is None:
            continue
        unique = series.unique().drop_nulls()
        results = [read(value) for value in unique]
        table = pl.DataFrame(
            {
                "key": unique,
                "date": pl.Series([r[0] if isinstance(r, tuple) else None for r in results], dtype=pl.Date),
                "precision": pl.Series([r[1] if isinstance(r, tuple) else None for r in results], dtype=pl.String),
            }
        )
        found = pl.DataFrame({"key": series}).join(table, on="key", how="left", maintain_order="left")
        dates.append(found["date"])
        precisions.append(found["precision"])
        bad = {value: result for value, result in zip(unique, results, strict=True) if isinstance(result, Unread)}
        if bad:
            for index in series.is_in(list(bad)).fill_null(False).arg_true():
                unread[index] = bad[series[index]]
    values = pl.select(pl.coalesce(dates)).to_series()
    return Reading(values, unread, pl.select(pl.coalesce(precisions)).to_series() if vague else None)


def _read_date_number(value: float, *, vague: bool) -> tuple[date, Precision] | Unread:
    if vague and value.is_integer() and _FIRST_YEAR <= value < _FIRST_SERIAL:
        return _year(int(value))
    if vague or value >= _FIRST_SERIAL:
        return _serial(int(value), vague)
    return _date_expected(vague)
