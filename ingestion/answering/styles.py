"""The style sheet of a workbook with what an answer adds: marked forms of the cells' own styles, and styles of its own.

Nothing that stands in it changes its number: fonts, fills and cell formats are added behind the others.
"""

from collections.abc import Mapping
from functools import cached_property

from ingestion.answering.xml_part import Edits, Element, NotEditableError, attribute, parse
from ingestion.finding import Severity

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"

MARK_COLOURS: Mapping[Severity, str] = {"reject": "FFFFB3B8", "critical": "FFFFB3B8", "warning": "FFFFF1A8"}
"""Colour of a wrong cell. It tells our marks in an answer that comes back; none of the usual palettes has it."""

_EMPTY = (
    f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<styleSheet xmlns="{MAIN}">'
    '<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
).encode()


class Styles:
    """The style sheet of one workbook. `content` None makes a new one."""

    def __init__(self, content: bytes | None) -> None:
        self._content = _EMPTY if content is None else content
        self._root = parse(self._content)
        if self._root.local != "styleSheet":
            raise NotEditableError("the style sheet is none")
        self._added: dict[str, list[bytes]] = {"fonts": [], "fills": [], "borders": [], "cellXfs": []}
        self._kept: dict[tuple[str, bytes], int] = {}
        self._marked: dict[tuple[int, Severity | None], int] = {}

    def _container(self, name: str) -> Element:
        container = self._root.first(name)
        if container is None or not container.children:
            raise NotEditableError(f"the style sheet has no {name}")
        return container

    @cached_property
    def _formats(self) -> list[Element]:
        return list(self._container("cellXfs").of("xf"))

    def _add(self, container: str, xml: bytes) -> int:
        """The number of this font, fill, border or format, added once."""
        key = container, xml
        if key not in self._kept:
            self._kept[key] = len(self._container(container).children) + len(self._added[container])
            self._added[container].append(xml)
        return self._kept[key]

    def _prefixed(self, xml: str) -> bytes:
        prefix = self._root.prefix
        return xml.replace("</", f"</{prefix}").replace("<", f"<{prefix}").replace(f"<{prefix}/", "</").encode()

    def fill(self, colour: str) -> int:
        """The number of a plain fill of this ARGB colour."""
        return self._add(
            "fills",
            self._prefixed(
                f'<fill><patternFill patternType="solid"><fgColor rgb="{colour}"/><bgColor indexed="64"/></patternFill>'
                "</fill>"
            ),
        )

    def font(self, size: float, *, bold: bool = False, colour: str = "FF000000", underlined: bool = False) -> int:
        """The number of a font that has Vietnamese letters, whatever the workbook's own."""
        return self._add(
            "fonts",
            self._prefixed(
                f'<font>{"<b/>" if bold else ""}{"<u/>" if underlined else ""}<sz val="{size:g}"/>'
                f'<color rgb="{colour}"/><name val="Arial"/><family val="2"/></font>'
            ),
        )

    def border(self) -> int:
        """The number of a thin grey border on all sides."""
        sides = "".join(
            f'<{side} style="thin"><color rgb="FFBFBFBF"/></{side}>' for side in ("left", "right", "top", "bottom")
        )
        return self._add("borders", self._prefixed(f"<border>{sides}<diagonal/></border>"))

    def own(self, font: int, fill: int = 0, border: int = 0, *, horizontal: str = "left", quoted: bool = False) -> int:
        """The number of a format of the answer's own sheet: wrapped text, from the top."""
        quote = ' quotePrefix="1"' if quoted else ""
        return self._add(
            "cellXfs",
            self._prefixed(
                f'<xf numFmtId="0" fontId="{font}" fillId="{fill}" borderId="{border}" xfId="0" applyFont="1"'
                f' applyFill="1" applyBorder="1" applyAlignment="1"{quote}>'
                f'<alignment horizontal="{horizontal}" vertical="top" wrapText="1"/></xf>'
            ),
        )

    def marked(self, style: int, severity: Severity | None) -> int:
        """The number of a cell's own format with the colour of a severity, or (None) without any fill."""
        if (style, severity) not in self._marked:
            formats = self._formats
            own = formats[style if 0 <= style < len(formats) else 0]
            tag = self._content[own.start : own.end]
            edits = Edits(tag)
            fill = "0" if severity is None else str(self.fill(MARK_COLOURS[severity]))
            edits.set(0, fillId=fill, applyFill="1")
            self._marked[style, severity] = self._add("cellXfs", edits.apply())
        return self._marked[style, severity]

    @cached_property
    def marks(self) -> frozenset[int]:
        """Numbers of the formats that an earlier answer has marked."""
        ours = set(MARK_COLOURS.values())
        fills = {
            str(index)
            for index, fill in enumerate(self._container("fills").children)
            for pattern in fill.of("patternFill")
            if (colour := pattern.first("fgColor")) is not None and colour.get("rgb") in ours
        }
        return frozenset(index for index, xf in enumerate(self._formats) if xf.get("fillId") in fills)

    def apply(self) -> bytes:
        """The style sheet with everything that was added."""
        edits = Edits(self._content)
        for name, added in self._added.items():
            if added:
                container = self._container(name)
                if "count" in container.attributes:
                    edits.set(container.start, count=str(len(container.children) + len(added)))
                edits.append(container, b"".join(added))
        return edits.apply()


def main_namespace(root: Element) -> str:
    """The namespace of the root of a part of SpreadsheetML. NotEditableError if it is of another."""
    name = "xmlns:" + root.prefix[:-1] if root.prefix else "xmlns"
    namespace = root.attributes.get(name, "")
    if namespace not in (MAIN, STRICT):
        raise NotEditableError(f"a part of another namespace: {attribute(name, namespace).decode().strip()}")
    return namespace
