"""The sender's own workbook (xlsx, xlsm) with the answer in it; all that is not marked stays as it was sent.

The package is edited part by part: values, formulas and their last results, shapes, images, macros, print settings and
whatever else a workbook may hold are copied byte for byte. Nothing is recomputed and nothing is run.
"""

import io
import posixpath
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from xml.parsers import expat

from ingestion.answering.content import Content, Point, note_of, worst
from ingestion.answering.first_sheet import FirstSheet
from ingestion.answering.marker import FIRST_SHEET, MARK
from ingestion.answering.notes import Comments, Drawing, first_free_block
from ingestion.answering.styles import Styles, main_namespace
from ingestion.answering.worksheet import (
    RELATIONSHIPS,
    Place,
    Worksheet,
    merged_anchors,
    place_of,
    unselected,
)
from ingestion.answering.xml_part import Edits, Element, NotEditableError, as_utf8, attribute, new_parser, parse

_PACKAGE = "http://schemas.openxmlformats.org/package/2006/"
_TYPES = "application/vnd.openxmlformats-officedocument."
_SHEET_TYPE = f"{_TYPES}spreadsheetml.worksheet+xml"
_COMMENTS_TYPE = f"{_TYPES}spreadsheetml.comments+xml"
_STYLES_TYPE = f"{_TYPES}spreadsheetml.styles+xml"
_DRAWING_TYPE = f"{_TYPES}vmlDrawing"
_LONGEST_NAME = 31
_DAY = (1980, 1, 1, 0, 0, 0)  # of parts that are new: the same answer is the same bytes


def mark(workbook: bytes, content: Content) -> bytes:
    """The workbook with the sheet "Cần sửa" first, and each point's cell coloured and noted.

    NotEditableError if the package is built in a way that is not known: then nothing of it is trusted.
    """
    try:
        return _Workbook(workbook).marked(content)
    except (zipfile.BadZipFile, zlib.error, expat.ExpatError, KeyError, ValueError, IndexError) as error:
        raise NotEditableError(f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    part: str
    is_worksheet: bool
    element: Element


class _Package:
    """The parts of a package, the changed ones apart."""

    def __init__(self, content: bytes) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(content))
        self._infos = {info.filename.casefold(): info for info in self._archive.infolist()}
        if len(self._infos) < len(self._archive.infolist()):
            raise NotEditableError("a part stands twice in the package")
        self._changed: dict[str, bytes | None] = {}
        self._added: dict[str, bytes] = {}

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self._infos or name in self._added

    def names(self) -> list[str]:
        """The names of all parts."""
        return [info.filename for info in self._infos.values()] + list(self._added)

    def read(self, name: str) -> bytes:
        """A part as it is now. KeyError if there is none."""
        key = name.casefold()
        if name in self._added:
            return self._added[name]
        if (changed := self._changed.get(key)) is not None:
            return changed
        return self._archive.read(self._infos[key])

    def write(self, name: str, content: bytes) -> None:
        """Change a part, or add it."""
        if name.casefold() in self._infos:
            self._changed[name.casefold()] = content
        else:
            self._added[name] = content

    def remove(self, name: str) -> None:
        """Leave a part out."""
        if name.casefold() in self._infos:
            self._changed[name.casefold()] = None

    def free_name(self, pattern: str) -> str:
        """The first name of this pattern, with a number in it, that no part has."""
        number = 1
        while pattern.format(number) in self:
            number += 1
        return pattern.format(number)

    def packed(self) -> bytes:
        """The package as a file: its parts in their order, then the new ones. Changed parts are well-formed."""
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            for key, info in self._infos.items():
                content = self._changed[key] if key in self._changed else self._archive.read(info)
                if content is None:
                    continue
                if key in self._changed and not key.endswith(".vml"):
                    new_parser().Parse(content, True)
                entry = zipfile.ZipInfo(info.filename, info.date_time)
                entry.compress_type = zipfile.ZIP_STORED if info.compress_type == zipfile.ZIP_STORED else _DEFLATED
                entry.external_attr, entry.create_system = info.external_attr, info.create_system
                archive.writestr(entry, content)
            for name, content in self._added.items():
                if not name.endswith(".vml"):
                    new_parser().Parse(content, True)
                entry = zipfile.ZipInfo(name, _DAY)
                entry.compress_type = _DEFLATED
                archive.writestr(entry, content)
        return target.getvalue()


_DEFLATED = zipfile.ZIP_DEFLATED


class _Relationships:
    """What one part refers to."""

    def __init__(self, package: _Package, part: str) -> None:
        folder, name = posixpath.split(part)
        self._package, self._folder = package, folder
        self._part = posixpath.join(folder, "_rels", f"{name}.rels")
        self._content = (
            as_utf8(package.read(self._part))
            if self._part in package
            else f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<Relationships xmlns="{_PACKAGE}'
            'relationships"/>'.encode()
        )
        self._root = parse(self._content)
        self._added: list[bytes] = []
        self._ids = {element.attributes["Id"] for element in self._root.children}

    def target(self, relationship_id: str) -> str | None:
        """The part to which this relationship leads."""
        return next(
            (self._resolved(element) for element in self._root.children if element.attributes["Id"] == relationship_id),
            None,
        )

    def kind(self, relationship_id: str) -> str:
        """The last word of a relationship's type, such as `worksheet`."""
        types = (
            element.attributes["Type"] for element in self._root.children if element.attributes["Id"] == relationship_id
        )
        return next(types, "").rpartition("/")[2]

    def of_kind(self, kind: str) -> str | None:
        """The first part of this kind."""
        return next(
            (
                self._resolved(element)
                for element in self._root.children
                if element.attributes["Type"].rpartition("/")[2] == kind
                and element.attributes.get("TargetMode") != "External"
            ),
            None,
        )

    def _resolved(self, element: Element) -> str:
        target = element.attributes["Target"]
        path = target if target.startswith("/") else posixpath.join("/", self._folder, target)
        return posixpath.normpath(path).lstrip("/")

    def add(self, kind: str, part: str, base: str) -> str:
        """Refer to a part; gives the id."""
        number = 1
        while (new := f"rIdChungTay{number}") in self._ids:
            number += 1
        self._ids.add(new)
        target = posixpath.relpath(part, self._folder or ".")
        self._added.append(
            f"<{self._root.prefix}Relationship".encode()
            + attribute("Id", new)
            + attribute("Type", f"{base}/{kind}")
            + attribute("Target", target)
            + b"/>"
        )
        return new

    def save(self) -> None:
        """Write what was added."""
        if self._added:
            edits = Edits(self._content)
            edits.append(self._root, b"".join(self._added))
            self._package.write(self._part, edits.apply())


class _Workbook:
    def __init__(self, content: bytes) -> None:
        package = self._package = _Package(content)
        part = _Relationships(package, "").of_kind("officeDocument")
        if part is None or part not in package:
            raise NotEditableError("the package has no workbook")
        self._part, self._folder = part, posixpath.dirname(part)
        self._content = as_utf8(package.read(part))
        self._root = parse(self._content)
        self._namespace = main_namespace(self._root)
        self._base = RELATIONSHIPS[self._namespace]
        self._relationships = _Relationships(package, part)
        if self._relationships.of_kind("revisionHeaders"):
            raise NotEditableError("the workbook is shared and keeps its history")
        self._types: list[bytes] = []
        self._sheets = list(self._find_sheets())
        self._styles_part = self._relationships.of_kind("styles")
        known = self._styles_part is not None and self._styles_part in package
        self._styles = Styles(as_utf8(package.read(self._styles_part)) if known and self._styles_part else None)
        if not known:
            usual = posixpath.join(self._folder, "styles.xml")  # some programs look nowhere else
            self._styles_part = package.free_name(usual.replace(".xml", "{}.xml")) if usual in package else usual
            self._relationships.add("styles", self._styles_part, self._base)
            self._declare(self._styles_part, _STYLES_TYPE)
        self._next_block = first_free_block(
            package.read(name) for name in package.names() if name.casefold().endswith(".vml")
        )

    def _find_sheets(self) -> "list[_Sheet]":
        listed = self._root.first("sheets")
        if listed is None or not listed.children:
            raise NotEditableError("the workbook has no sheets")
        self._listed = listed
        found = []
        for element in listed.children:
            reference = element.get("id") or ""
            part = self._relationships.target(reference)
            if part is None or part not in self._package:
                raise NotEditableError("a sheet has no part")
            is_worksheet = self._relationships.kind(reference) == "worksheet"
            found.append(_Sheet(element.attributes["name"], part, is_worksheet, element))
        return found

    # --- the answer ---

    def marked(self, content: Content) -> bytes:
        """The whole workbook with its answer."""
        before = next((sheet for sheet in self._sheets if self._is_answer(sheet)), None)
        own = [sheet for sheet in self._sheets if sheet is not before]
        names = {sheet.name: sheet.name for sheet in own}
        worksheets = [sheet for sheet in own if sheet.is_worksheet]
        if len(worksheets) == 1:  # formats without sheets call theirs ''
            names.setdefault("", worksheets[0].name)
        points: dict[str, dict[Place, list[Point]]] = {}
        for point in content.points:
            name = names.get(point.sheet_name or "")
            if name is not None and point.cell is not None:
                points.setdefault(name, {}).setdefault(place_of(point.cell), []).append(point)
        for sheet in own:
            here = points.get(sheet.name, {})
            if sheet.is_worksheet and (here or before is not None):
                self._mark_sheet(sheet, here)
            else:
                original = self._package.read(sheet.part)
                if (changed := unselected(original)) is not original:
                    self._package.write(sheet.part, changed)
        self._put_first(before, FirstSheet(content, self._styles, self._namespace, names).write())
        if self._styles_part is not None:
            self._package.write(self._styles_part, self._styles.apply())
        self._relationships.save()
        self._save_types()
        return self._package.packed()

    def _is_answer(self, sheet: _Sheet) -> bool:
        """Whether the sheet is that of an earlier answer: its mark stands in it or, saved again, with the texts."""
        if not sheet.name.startswith(FIRST_SHEET) or not sheet.is_worksheet:
            return False
        strings = self._relationships.of_kind("sharedStrings")
        parts = [sheet.part, *([strings] if strings and strings in self._package else [])]
        return any(MARK.encode() in self._package.read(part) for part in parts)

    def _mark_sheet(self, sheet: _Sheet, points: Mapping[Place, list[Point]]) -> None:
        original = as_utf8(self._package.read(sheet.part))
        anchors = merged_anchors(original, points)
        shown: dict[Place, list[Point]] = {}
        for place, found in points.items():
            shown.setdefault(anchors.get(place, place), []).extend(found)
        rows = frozenset(row for row, _ in shown)
        worksheet = Worksheet(original, rows, self._styles.marks)
        worksheet.mark({place: worst(found) for place, found in shown.items()}, self._styles)
        worksheet.unselect()
        relationships = _Relationships(self._package, sheet.part)
        self._write_notes(sheet, worksheet, relationships, shown)
        relationships.save()
        self._package.write(sheet.part, worksheet.edits.apply())

    def _write_notes(
        self,
        sheet: _Sheet,
        worksheet: Worksheet,
        relationships: _Relationships,
        points: Mapping[Place, list[Point]],
    ) -> None:
        part = relationships.of_kind("comments")
        if not points and part is None:
            return
        comments = Comments(None if part is None else as_utf8(self._package.read(part)), self._namespace)
        if not points and not comments.has_ours:
            return
        notes = {place: note_of(found) for place, found in points.items()}
        drawing_part = None if worksheet.notes_id is None else relationships.target(worksheet.notes_id)
        if worksheet.notes_id is not None and drawing_part is None:
            raise NotEditableError("a sheet's drawing of notes has no part")
        drawing = Drawing(
            None if drawing_part is None else self._package.read(drawing_part),
            worksheet.width,
            worksheet.height,
            self._next_block,
        )
        boxed = comments.places if drawing_part is not None else set()
        drawn = drawing.write(notes, boxed, comments.our_places)
        self._next_block = drawing.next_block
        if part is None:
            part = self._package.free_name(posixpath.join(self._folder, "comments{}.xml"))
            relationships.add("comments", part, self._base)
            self._declare(part, _COMMENTS_TYPE)
        if drawing_part is None:
            drawing_part = self._package.free_name(posixpath.join(self._folder, "drawings", "vmlDrawing{}.vml"))
            worksheet.add_notes(relationships.add("vmlDrawing", drawing_part, self._base))
            self._declare(drawing_part, _DRAWING_TYPE)
        self._package.write(part, comments.write(notes))
        self._package.write(drawing_part, drawn)

    def _put_first(self, before: _Sheet | None, xml: bytes) -> None:
        """List the answer's sheet first, in place of that of an earlier answer, and show it first."""
        edits, prefix = Edits(self._content), self._root.prefix
        taken = {sheet.name.casefold() for sheet in self._sheets if sheet is not before}
        name, number = FIRST_SHEET, 1
        while name.casefold() in taken:
            number += 1
            name = f"{FIRST_SHEET} ({number})"[:_LONGEST_NAME]
        if before is None:
            part = self._package.free_name(posixpath.join(self._folder, "worksheets", "sheet{}.xml"))
            reference = self._relationships.add("worksheet", part, self._base)
            self._declare(part, _SHEET_TYPE)
            sheet_id = max(int(sheet.element.attributes["sheetId"]) for sheet in self._sheets) + 1
            shift = dict(zip(range(len(self._sheets)), range(1, len(self._sheets) + 1), strict=True))
        else:
            part, reference = before.part, before.element.get("id") or ""
            sheet_id = int(before.element.attributes["sheetId"])
            edits.replace(before.element.start, before.element.end, b"")
            folder, last = posixpath.split(part)
            self._package.remove(posixpath.join(folder, "_rels", f"{last}.rels"))
            old = self._sheets.index(before)
            shift = {index: index + (index < old) for index in range(len(self._sheets)) if index != old}
        self._package.write(part, xml)
        edits.insert(
            self._listed.inner_start,
            f"<{prefix}sheet".encode()
            + attribute("name", name)
            + attribute("sheetId", str(sheet_id))
            + attribute("xmlns:r", self._base)
            + attribute("r:id", reference)
            + b"/>",
        )
        for views in self._root.of("bookViews"):
            for view in views.of("workbookView"):
                edits.set(view.start, activeTab=None, firstSheet=None)
        for names in self._root.of("definedNames"):
            for defined in names.of("definedName"):
                if (local := defined.attributes.get("localSheetId")) is None:
                    continue
                if int(local) in shift:
                    edits.set(defined.start, localSheetId=str(shift[int(local)]))
                else:  # of the sheet that is replaced
                    edits.replace(defined.start, defined.end, b"")
        self._package.write(self._part, edits.apply())

    # --- content types ---

    def _declare(self, part: str, content_type: str) -> None:
        self._types.append(b"Override" + attribute("PartName", f"/{part}") + attribute("ContentType", content_type))

    def _save_types(self) -> None:
        if not self._types:
            return
        name = "[Content_Types].xml"
        content = as_utf8(self._package.read(name))
        root = parse(content)
        edits = Edits(content)
        edits.append(root, b"".join(f"<{root.prefix}".encode() + declared + b"/>" for declared in self._types))
        self._package.write(name, edits.apply())
