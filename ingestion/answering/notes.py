"""Notes in cells: the part of the comments of a sheet, and the drawing (VML) by which spreadsheet programs show them.

A sheet's own notes, threaded comments' copies, buttons and their shapes stay; a note on a cell that has one already is
written below it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ingestion.answering.styles import MAIN
from ingestion.answering.worksheet import Place, address_of, place_of
from ingestion.answering.xml_part import Edits, Element, NotEditableError, escape, is_empty, parse

AUTHOR = "Chung Tay"
_BELOW = "--- Chung Tay ---"
"""Stands between a sender's own note and ours."""

_WIDTH = 380
_LINE = 15
_LETTERS_PER_LINE = 56
_MOST_LINES = 40
_BLOCK = 1024  # shape numbers that belong to one drawing

_SHAPE = re.compile(rb"<((?:\w+:)?)shape\s.*?</\1shape>", re.DOTALL)
_SHAPE_ROW = re.compile(rb"<(?:\w+:)?Row>\s*([0-9]+)\s*</")
_SHAPE_COLUMN = re.compile(rb"<(?:\w+:)?Column>\s*([0-9]+)\s*</")
_ANCHOR = re.compile(rb"(?<=Anchor>)[^<]*(?=</)")
_SHAPE_NUMBER = re.compile(rb"_x0000_[st]([0-9]+)")
_MAP = re.compile(rb"(<(?:\w+:)?idmap\s[^>]*?data=[\"'])([0-9, ]*)([\"'])")

_NAMESPACES = {
    b"v": b"urn:schemas-microsoft-com:vml",
    b"o": b"urn:schemas-microsoft-com:office:office",
    b"x": b"urn:schemas-microsoft-com:office:excel",
}
_ROOT = re.compile(rb"<xml(?=[\s>])[^>]*>")
_DRAWING = b'<xml><o:shapelayout v:ext="edit"><o:idmap v:ext="edit" data="1"/></o:shapelayout></xml>'
_SHAPE_TYPE = (
    b'<v:shapetype id="_x0000_t202" coordsize="21600,21600" o:spt="202" path="m,l,21600r21600,l21600,xe">'
    b'<v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>'
)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A piece of a note's text."""

    text: str
    bold: bool = False
    small: bool = False


Note = tuple[Paragraph, ...]


class Comments:
    """The comments of one sheet. `content` None makes a new part."""

    def __init__(self, content: bytes | None, namespace: str = MAIN) -> None:
        self._content = (
            content
            or (
                f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<comments xmlns="{namespace}"><authors/>'
                "<commentList/></comments>"
            ).encode()
        )
        root = parse(self._content)
        authors, comments = root.first("authors"), root.first("commentList")
        if authors is None or comments is None:
            raise NotEditableError("the comments of a sheet lack their list")
        self._prefix, self._authors, self._list = root.prefix, authors, comments
        self._names = [self._text(author) for author in authors.of("author")]
        self._ours = {str(index) for index, name in enumerate(self._names) if name == AUTHOR}

    def _text(self, element: Element) -> str:
        written = self._content[element.inner_start : element.inner_end].decode()
        return written.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()

    @property
    def places(self) -> set[Place]:
        """The cells that have a comment of the sender's own."""
        return {place_of(comment.attributes["ref"]) for comment in self._list.children if not self._is_ours(comment)}

    @property
    def our_places(self) -> set[Place]:
        """The cells that have a note of an earlier answer, and no other."""
        return {place_of(comment.attributes["ref"]) for comment in self._list.children if self._is_ours(comment)}

    def _is_ours(self, comment: Element) -> bool:
        return comment.attributes.get("authorId") in self._ours

    @property
    def has_ours(self) -> bool:
        """Whether an earlier answer left something here."""
        return bool(self.our_places) or _BELOW.encode() in self._content

    def write(self, notes: Mapping[Place, Note]) -> bytes:
        """The part with these notes, and without those of an earlier answer."""
        edits = Edits(self._content)
        left = dict(notes)
        for comment in self._list.children:
            if self._is_ours(comment):
                edits.replace(comment.start, comment.end, b"")
                continue
            text = comment.first("text")
            if text is None:
                continue
            self._drop_ours(edits, text)
            if note := left.pop(place_of(comment.attributes["ref"]), None):
                runs = self._runs((Paragraph(f"\n{_BELOW}"), *note))
                if is_empty(self._content, text):
                    edits.append(text, runs)
                else:
                    edits.insert(self._behind_runs(text), runs)
        if left:
            author = self._author(edits)
            prefix = self._prefix
            edits.append(
                self._list,
                b"".join(
                    f'<{prefix}comment ref="{address_of(place)}" authorId="{author}"><{prefix}text>'.encode()
                    + self._runs(note)
                    + f"</{prefix}text></{prefix}comment>".encode()
                    for place, note in sorted(left.items())
                ),
            )
        return edits.apply()

    def _behind_runs(self, text: Element) -> int:
        """Where runs may be added: before phonetic text."""
        return next((child.start for child in text.children if child.local not in ("t", "r")), text.inner_end)

    def _drop_ours(self, edits: Edits, text: Element) -> None:
        """Take away what an earlier answer wrote below a sender's own note."""
        runs = list(text.of("r"))
        for index, run in enumerate(runs):
            if any(_BELOW in self._text(part) for part in run.of("t")):
                for ours in runs[index:]:
                    edits.replace(ours.start, ours.end, b"")
                return

    def _author(self, edits: Edits) -> int:
        if AUTHOR in self._names:
            return self._names.index(AUTHOR)
        edits.append(self._authors, f"<{self._prefix}author>{AUTHOR}</{self._prefix}author>".encode())
        return len(self._names)

    def _runs(self, note: Iterable[Paragraph]) -> bytes:
        prefix, runs = self._prefix, []
        for index, paragraph in enumerate(note):
            bold = f"<{prefix}b/>" if paragraph.bold else ""
            colour = "FF7F7F7F" if paragraph.small else "FF000000"
            line = ("\n" if index else "") + paragraph.text
            runs.append(
                f'<{prefix}r><{prefix}rPr>{bold}<{prefix}sz val="{8 if paragraph.small else 9}"/>'
                f'<{prefix}color rgb="{colour}"/><{prefix}rFont val="Tahoma"/><{prefix}family val="2"/></{prefix}rPr>'
                f'<{prefix}t xml:space="preserve">{escape(line)}</{prefix}t></{prefix}r>'
            )
        return "".join(runs).encode()


class Drawing:
    """The drawing of one sheet's notes, as the text that it is: VML need not be well-formed. `content` None makes one.

    `width` and `height` give the pixels of a column and of a row.
    """

    def __init__(
        self, content: bytes | None, width: Callable[[int], int], height: Callable[[int], int], first_block: int
    ) -> None:
        drawing = content or _DRAWING.replace(b'data="1"', f'data="{first_block}"'.encode())
        root = _ROOT.search(drawing)
        if root is None or drawing.rfind(b"</xml>") < 0:
            raise NotEditableError("the drawing of a sheet's notes is of an unknown form")
        missing = b"".join(
            b" xmlns:" + prefix + b'="' + namespace + b'"'
            for prefix, namespace in _NAMESPACES.items()
            if b"xmlns:" + prefix + b"=" not in root[0]
        )
        self._content = drawing[: root.start() + 4] + missing + drawing[root.start() + 4 :]
        self._width, self._height, self._block = width, height, first_block
        self.next_block = first_block

    def write(self, notes: Mapping[Place, Note], has_shape: set[Place], gone: set[Place]) -> bytes:
        """The drawing with a box for each note. Cells of `has_shape` have a box, which is made large enough; the boxes
        of `gone` are taken away."""
        boxed = {place for place in has_shape if place in notes}

        def changed(match: re.Match[bytes]) -> bytes:
            row, column = _SHAPE_ROW.search(match[0]), _SHAPE_COLUMN.search(match[0])
            if row is None or column is None or b'"Note"' not in match[0]:
                return match[0]
            place = int(row[1]) + 1, int(column[1]) + 1
            if place in gone:
                return b""
            return _ANCHOR.sub(self._anchor(place, notes[place], 4), match[0]) if place in boxed else match[0]

        content = _SHAPE.sub(changed, self._content)
        new = sorted(place for place in notes if place not in has_shape)
        first = max([int(number) for number in _SHAPE_NUMBER.findall(content)] + [self._block * _BLOCK])
        shapes = [self._shape(first + index, place, notes[place], index) for index, place in enumerate(new, start=1)]
        if new:
            self.next_block = (first + len(new)) // _BLOCK + 1
            content = self._mapped(content, first + 1, first + len(new))
            if b"_x0000_t202" not in content:
                shapes.insert(0, _SHAPE_TYPE)
        at = content.rfind(b"</xml>")
        return content[:at] + b"".join(shapes) + content[at:]

    def _mapped(self, content: bytes, first: int, last: int) -> bytes:
        """The blocks of shape numbers are listed in the drawing's head."""
        blocks = {str(block) for block in range(first // _BLOCK, last // _BLOCK + 1)}

        def extended(match: re.Match[bytes]) -> bytes:
            listed = [block for block in match[2].decode().replace(" ", "").split(",") if block]
            return match[1] + ",".join([*listed, *sorted(blocks - set(listed), key=int)]).encode() + match[3]

        return _MAP.sub(extended, content, count=1)

    def _shape(self, number: int, place: Place, note: Note, order: int) -> bytes:
        return (
            f'<v:shape id="_x0000_s{number}" type="#_x0000_t202" style="position:absolute;margin-left:60pt;'
            f"margin-top:2pt;width:{_WIDTH * 3 // 4}pt;height:{_lines(note) * _LINE * 3 // 4 + 8}pt;z-index:{order};"
            'visibility:hidden" fillcolor="#ffffe1" o:insetmode="auto"><v:fill color2="#ffffe1"/>'
            '<v:shadow on="t" color="black" obscured="t"/><v:path o:connecttype="none"/>'
            '<v:textbox style="mso-direction-alt:auto"><div style="text-align:left"></div></v:textbox>'
            '<x:ClientData ObjectType="Note"><x:MoveWithCells/><x:SizeWithCells/>'
        ).encode() + (
            b"<x:Anchor>"
            + self._anchor(place, note, 0)
            + b"</x:Anchor><x:AutoFill>False</x:AutoFill>"
            + f"<x:Row>{place[0] - 1}</x:Row><x:Column>{place[1] - 1}</x:Column></x:ClientData></v:shape>".encode()
        )

    def _anchor(self, place: Place, note: Note, more_lines: int) -> bytes:
        """Where the box stands: beside its cell, large enough for its text; offsets are pixels."""
        left = place[1] + 1
        top = max(place[0] - 1, 1)
        right, right_offset = _walk(left, 15 + _WIDTH, self._width)
        pixels = (_lines(note) + more_lines) * _LINE + 10
        bottom, bottom_offset = _walk(top, 5 + pixels, self._height)
        return f"{left - 1}, 15, {top - 1}, 5, {right - 1}, {right_offset}, {bottom - 1}, {bottom_offset}".encode()


def first_free_block(drawings: Iterable[bytes]) -> int:
    """The first block of shape numbers that no drawing of the workbook has."""
    taken = [
        int(block)
        for drawing in drawings
        for match in _MAP.finditer(drawing)
        for block in match[2].decode().replace(" ", "").split(",")
        if block
    ]
    return max(taken, default=0) + 1


def _walk(first: int, pixels: int, size: Callable[[int], int]) -> tuple[int, int]:
    """The column or row in which so many pixels from the start of `first` end, and the rest of them there."""
    index, left = first, pixels
    for _ in range(500):  # beyond, all are hidden
        here = size(index)
        if left < here:
            break
        left -= here
        index += 1
    return index, left


def _lines(note: Note) -> int:
    lines = sum(max(1, -(-len(line) // _LETTERS_PER_LINE)) for paragraph in note for line in paragraph.text.split("\n"))
    return min(lines, _MOST_LINES)
