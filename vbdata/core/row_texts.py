"""Texts of very many rows, put together from columns by compiled loops.

A tree of nodes says how the text of a row is made: literals, numbers and texts of columns, lists of
other rows. It is the same tree for JSON and for what `repr` says, so that neither needs an object a
row. There is no twin in Python: whoever has no compiled loops makes texts of objects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core import compiled
from vbdata.core.sha256 import able

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Style = Literal["json", "python", "bytes"]
STYLES: Final[tuple[Style, ...]] = ("json", "python", "bytes")


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same bytes in every row."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a text as they stand: data[starts[i]:ends[i]]."""

    data: bytes | Bytes
    starts: Ints
    ends: Ints


@dataclass(frozen=True, slots=True)
class Number:
    """An integer, in decimal."""

    values: Ints


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some texts, by its number."""

    numbers: Ints
    texts: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Quoted:
    """A literal of data[bounds[i]:bounds[i + 1]].

    style: "json" or "python" of a text, which has to be printable ASCII, or the row is odd; "bytes"
    as Python writes bytes, of any.
    """

    data: bytes | Bytes
    bounds: Ints
    style: Style


@dataclass(frozen=True, slots=True)
class Each:
    """Texts of other rows, those from bounds[i] up to bounds[i + 1].

    between: stands between two of them; alone: follows where there is only one; around: stand
    before and behind them where there are any.
    """

    bounds: Ints
    item: Node
    between: bytes = b","
    alone: bytes = b""
    around: tuple[bytes, bytes] = (b"", b"")


@dataclass(frozen=True, slots=True)
class Row:
    """Several texts, one after the other."""

    parts: Sequence[Node]


Node = Fixed | Span | Number | Choice | Quoted | Each | Row


class Texts(NamedTuple):
    """Texts one after the other. bounds: where each begins, with one more; odd: those not made."""

    data: Bytes
    bounds: Ints
    odd: NDArray[np.bool_]


def texts(node: Node, count: int) -> Texts:
    """The texts of rows 0 to count - 1.

    An odd row, of which `Quoted` cannot write a text, has none. Raises ValueError for a node that
    leads outside of its data. There have to be compiled loops.
    """
    tree = _Tree()
    tree.add(node)
    listed = np.array(tree.rows, np.int64)
    odd, bounds = np.zeros(count, np.uint8), np.zeros(count + 1, np.int64)
    made = np.empty(0, np.uint8)
    for written in (False, True):
        if written:
            made = np.empty(int(bounds[-1]), np.uint8)
        out = compiled.address(made) if len(made) else None
        if written and out is None:
            break
        given = (compiled.address(listed), len(listed), count, odd.ctypes.data)
        if compiled.library().vb_row_texts(*given, compiled.address(bounds), out):
            raise ValueError("a node of the description leads outside of its data")
    return Texts(made, bounds, odd.astype(np.bool_))


def digests(made: Texts) -> Bytes:
    """uint8[texts, 32]: the SHA-256 of each text."""
    found = np.empty((len(made.bounds) - 1, 32), np.uint8)
    library = compiled.library()
    if able(library) and len(found):
        given = (made.data.ctypes.data, compiled.address(made.bounds), len(found))
        library.vb_sha256_rows(*given, compiled.address(found))
        return found
    data, bounds = made.data.tobytes(), made.bounds.tolist()
    for row, (start, end) in enumerate(pairwise(bounds)):
        found[row] = np.frombuffer(hashlib.sha256(data[start:end]).digest(), np.uint8)
    return found


class _Tree:
    """Nodes as the compiled loop reads them, children before their parents.

    rows: the fields of each, as in row_texts.c; kept: the arrays whose addresses stand there.
    """

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self.kept: list[Any] = []

    def add(self, node: Node) -> int:
        """Add a node with all below it; its number."""
        fields = dict(self._fields(node))
        self.rows.append([fields.get(name, 0) for name in _FIELDS])
        return len(self.rows) - 1

    def _fields(self, node: Node) -> Iterator[tuple[str, int]]:
        yield "kind", KINDS.index(type(node))
        match node:
            case Fixed(text):
                yield from self._data(text)
            case Span(data, starts, ends):
                yield from self._data(data)
                yield from self._ints(rows=len(starts), starts=starts, ends=ends)
                if len(starts) != len(ends):
                    raise ValueError(f"{len(starts)} starts and {len(ends)} ends")
            case Number(values):
                yield from self._ints(rows=len(values), starts=values)
            case Choice(numbers, given):
                yield from self._data(b"".join(given))
                ends = np.cumsum([0, *map(len, given)])
                yield from self._ints(rows=len(numbers), starts=numbers, ends=ends)
                yield "most", len(given)
            case Quoted(data, bounds, style):
                yield from self._data(data)
                yield from self._ints(rows=len(bounds) - 1, starts=bounds)
                yield "style", STYLES.index(style)
            case Each(bounds, item):
                yield "child", self.add(item)
                for name, text in (("between", node.between), ("alone", node.alone)):
                    yield name, self.add(Fixed(text))
                opening, _ = [self.add(Fixed(text)) for text in node.around]
                yield "around", opening
                yield from self._ints(rows=len(bounds) - 1, starts=bounds)
            case Row(parts):
                numbers = np.array([self.add(part) for part in parts], np.int64)
                yield from self._ints(rows=0, starts=numbers)
                yield "most", len(numbers)

    def _data(self, data: bytes | Bytes) -> Iterator[tuple[str, int]]:
        array = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data
        self.kept.append(array)
        yield "data", array.ctypes.data
        yield "size", array.size

    def _ints(self, *, rows: int, **arrays: Ints) -> Iterator[tuple[str, int]]:
        yield "rows", rows
        for name, array in arrays.items():
            self.kept.append(whole := np.ascontiguousarray(array, np.int64))
            yield name, whole.ctypes.data


KINDS: Final = (Fixed, Span, Number, Choice, Quoted, Each, Row)
_FIELDS: Final = (
    *("kind", "rows", "data", "size", "starts", "ends"),
    *("most", "child", "between", "alone", "around", "style"),
)
