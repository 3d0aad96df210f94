"""A part of an Office package edited in place: every element by its bytes, so that all else stays as it was."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

_TAG = re.compile(rb"<([^\s/>]+)((?:\s+[^\s=>/]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*(/?)>")
_ATTRIBUTE = re.compile(rb"\s+([^\s=>/]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_ENCODING = re.compile(rb"^\s*<\?xml[^>]*encoding\s*=\s*[\"']([^\"']+)[\"']")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class NotEditableError(Exception):
    """The package is built in a way that is not edited; the message says which, for the log."""


def as_utf8(content: bytes) -> bytes:
    """A part in UTF-8: as it is, or from UTF-16. NotEditableError for any other encoding."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _DECLARATION.sub("", content.decode("utf-16")).encode()
    encoding = _ENCODING.match(content.removeprefix(b"\xef\xbb\xbf"))
    if encoding and encoding[1].lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise NotEditableError(f"a part is written in {encoding[1].decode('latin-1')}")
    return content


def new_parser() -> expat.XMLParserType:
    """A parser that refuses a document type, and with it every entity."""

    def refuse(*_: object) -> None:
        raise NotEditableError("a part declares a document type")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    return parser


@dataclass(slots=True)
class Element:
    """An element of a part: where its tags stand, in bytes. `name` is as written, with its prefix."""

    name: str
    attributes: Mapping[str, str]
    start: int
    inner_start: int
    inner_end: int = 0
    end: int = 0
    children: list["Element"] = field(default_factory=list)

    @property
    def local(self) -> str:
        """The name without its prefix."""
        return self.name.rpartition(":")[2]

    @property
    def prefix(self) -> str:
        """The prefix with its colon, or ''."""
        head, colon, _ = self.name.rpartition(":")
        return head + colon

    def of(self, local: str) -> Iterator["Element"]:
        """The children of this name."""
        return (child for child in self.children if child.local == local)

    def first(self, local: str) -> "Element | None":
        """The first child of this name."""
        return next(self.of(local), None)

    def get(self, local: str) -> str | None:
        """An attribute by its name without prefix."""
        return next((value for name, value in self.attributes.items() if name.rpartition(":")[2] == local), None)


def parse(content: bytes) -> Element:
    """The root of a part. NotEditableError if the part is no XML."""
    root: list[Element] = []
    path: list[Element] = []
    parser = new_parser()

    def start(name: str, attributes: dict[str, str]) -> None:
        position = parser.CurrentByteIndex
        element = Element(name, attributes, position, tag_end(content, position))
        (path[-1].children if path else root).append(element)
        path.append(element)

    def end(_: str) -> None:
        element, position = path.pop(), parser.CurrentByteIndex
        element.inner_end = position
        element.end = position if is_empty(content, element) else content.index(b">", position) + 1

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise NotEditableError(f"a part is not well-formed: {error}") from error
    return root[0]


def tag_end(content: bytes, start: int) -> int:
    """Where the start tag that begins at `start` ends."""
    if (match := _TAG.match(content, start)) is None:
        raise NotEditableError("a tag cannot be told")
    return match.end()


def is_empty(content: bytes, element: Element) -> bool:
    """Whether the element is one tag, `<x/>`."""
    return content[element.inner_start - 2 : element.inner_start] == b"/>"


class Edits:
    """Changes to a part, by the bytes of its first state; applied all at once."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._edits: list[tuple[int, int, int, bytes]] = []

    def replace(self, start: int, end: int, data: bytes) -> None:
        """Put `data` where the bytes from `start` to `end` stand; what is inserted at one place stays in order."""
        self._edits.append((start, end, len(self._edits), data))

    def insert(self, at: int, data: bytes) -> None:
        """Put `data` before the byte `at`."""
        self.replace(at, at, data)

    def append(self, element: Element, data: bytes) -> None:
        """Put `data` behind the last child. An element of one tag takes one such edit at most, and no other."""
        if is_empty(self.content, element):
            slash = self.content.rindex(b"/", element.start, element.inner_start)
            self.replace(slash, element.end, b">" + data + f"</{element.name}>".encode())
        else:
            self.insert(element.inner_end, data)

    def set(self, start: int, **attributes: str | None) -> None:
        """Set attributes of the start tag at `start`; None takes one away."""
        if (match := _TAG.match(self.content, start)) is None:
            raise NotEditableError("a tag cannot be told")
        left = dict(attributes)
        for found in _ATTRIBUTE.finditer(match[2]):
            name = found[1].decode()
            if name in left:
                value = left.pop(name)
                offset = match.start(2)
                written = b"" if value is None else attribute(name, value)
                self.replace(offset + found.start(), offset + found.end(), written)
        self.insert(match.end(2), b"".join(attribute(name, value) for name, value in left.items() if value is not None))

    def apply(self) -> bytes:
        """The part with every change. NotEditableError where two changes meet."""
        if not self._edits:
            return self.content
        pieces, position = [], 0
        for start, end, _, data in sorted(self._edits):
            if start < position:
                raise NotEditableError("two changes of a part meet")
            pieces += [self.content[position:start], data]
            position = end
        return b"".join([*pieces, self.content[position:]])


def escape(text: str) -> str:
    """A text as XML content or attribute; letters that XML cannot hold are shown as U+FFFD."""
    plain = _NOT_XML.sub("\ufffd", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace('"', "&quot;")


def attribute(name: str, value: str) -> bytes:
    """An attribute as it is written in a tag, with the space before it."""
    written = escape(value).replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;")
    return f' {name}="{written}"'.encode()
