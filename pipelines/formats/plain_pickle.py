"""Pickles of plain data, read without running anything: an allow-list of opcodes.

Lists, tuples, dicts, text, numbers, booleans and None, in all protocols, 0 to 5; byte strings are
taken as latin-1 text. No opcode on the list names, makes or calls an object; a pickle that has one
anywhere is reported as unsafe.

Three more attacks are shut out. Keys must be text: numbers can be chosen to share one hash, and the
hash of a pair of a pair of a pair ..., a few hundred bytes, takes for ever. Integers have a limit
on their digits. And the loop is the standard library's own in Python, whose memo is a dict: in the
one written in C a single index into the memo allocates gigabytes. About 9 million opcodes (RefCOCO)
take five seconds.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
from collections.abc import Callable, Collection
from itertools import islice
from typing import TYPE_CHECKING, Any

from vbdata.errors import BadSample, SourceError

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

MAX_BYTES = 1 << 26  # RefCOCO's largest file has two thirds of it; a byte may take 80 in memory
MAX_BITS = 1 << 12  # of an integer

OPCODES = (
    *(pickle.PROTO, pickle.STOP, pickle.MARK),
    *(pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.FLOAT, pickle.BINFLOAT),
    *(pickle.INT, pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG, pickle.LONG1),
    *(pickle.STRING, pickle.BINSTRING, pickle.SHORT_BINSTRING),
    *(pickle.UNICODE, pickle.BINUNICODE),
    *(pickle.EMPTY_LIST, pickle.LIST, pickle.APPEND, pickle.APPENDS),
    *(pickle.EMPTY_DICT, pickle.DICT, pickle.SETITEM, pickle.SETITEMS),
    *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
    *(pickle.GET, pickle.BINGET, pickle.LONG_BINGET),
    *(pickle.PUT, pickle.BINPUT, pickle.LONG_BINPUT),
    *(pickle.FRAME, pickle.MEMOIZE, pickle.SHORT_BINUNICODE, pickle.BINUNICODE8),
)
# Byte strings of Python 3, which a file of Python 2 has if it was saved again.
BYTES = (pickle.SHORT_BINBYTES, pickle.BINBYTES, pickle.BINBYTES8)
# Opcodes that can name, make or call an object, by pickletools' names.
UNSAFE = {
    *("GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD"),
    *("EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID"),
}
LOOKED_THROUGH = 1 << 20  # opcodes that are searched for an unsafe one
# What the loop raises on bytes that are no pickle, and on one that treats a dict as a list.
DAMAGE = (
    *(pickle.UnpicklingError, EOFError, struct.error, ValueError, OverflowError),
    *(TypeError, AttributeError, IndexError, AssertionError),
)


class UnsafePickle(ValueError):
    """A pickle that would name, make or call an object."""


class Allowed(dict[int, Any]):
    """Opcode -> what it does; any other is refused."""

    def __missing__(self, code: int) -> Any:
        what = f"opcode {bytes([code])!r} is not allowed: only plain lists, dicts, text and numbers"
        raise pickle.UnpicklingError(what)


def _keyed(op: bytes, keys: slice) -> Callable[[Any], None]:
    """What an opcode does that fills a dict, after a check of `keys`, these parts of the stack."""
    act = pickle._Unpickler.dispatch[op[0]]

    def checked(loop: Any) -> None:
        for key in loop.stack[keys]:
            if type(key) is not str:
                raise pickle.UnpicklingError(f"a {type(key).__name__} as a key, expected text")
        act(loop)

    return checked


def _counted(op: bytes) -> Callable[[Any], None]:
    """What an opcode does that pushes an integer of any length, with a limit on its bits."""
    act = pickle._Unpickler.dispatch[op[0]]

    def checked(loop: Any) -> None:
        act(loop)
        if (bits := loop.stack[-1].bit_length()) > MAX_BITS:
            raise pickle.UnpicklingError(f"an integer of {bits} bits")

    return checked


def as_text(op: bytes) -> Callable[[Any], None]:
    """What an opcode does that pushes bytes: it pushes latin-1 text instead."""
    act = pickle._Unpickler.dispatch[op[0]]

    def decoded(loop: Any) -> None:
        act(loop)
        loop.stack[-1] = loop.stack[-1].decode("latin1")

    return decoded


class Plain(pickle._Unpickler):
    """The standard library's unpickler in Python, with nothing but the opcodes of OPCODES.

    unsafe: the opcodes for which a pickle is reported as unsafe, by pickletools' names.
    """

    unsafe = UNSAFE
    dispatch = Allowed({op[0]: pickle._Unpickler.dispatch[op[0]] for op in OPCODES})
    dispatch |= {op[0]: _keyed(op, slice(0, None, 2)) for op in (pickle.DICT, pickle.SETITEMS)}
    dispatch |= {pickle.SETITEM[0]: _keyed(pickle.SETITEM, slice(-2, -1))}
    dispatch |= {op[0]: _counted(op) for op in (pickle.INT, pickle.LONG)}
    dispatch |= {op[0]: as_text(op) for op in BYTES}


def plain(data: bytes, kind: type[Plain] = Plain) -> Any:
    """The value of a pickle of plain data.

    kind: the unpickler, which may know more (formats/array_pickle.py). Raises UnsafePickle for a
    pickle that would do more, and ValueError, with the reason and the position, for any other
    bytes.
    """
    stream = io.BytesIO(data)
    try:
        value = kind(stream, encoding="latin1").load()
    except UnsafePickle:
        raise
    except DAMAGE as err:
        if unsafe := _unsafe(data, kind.unsafe):
            raise UnsafePickle(f"{unsafe}; nothing was run") from err
        where = f"before byte {stream.tell()}"
        raise ValueError(f"{str(err) or type(err).__name__}, {where}") from err
    if stream.tell() != len(data):
        raise ValueError(f"{len(data) - stream.tell()} bytes after its end")
    return value


def _unsafe(data: bytes, names: Collection[str]) -> str:
    """The first opcode that could name, make or call an object, in words; "" if there is none."""
    try:
        for op, argument, position in islice(pickletools.genops(data), LOOKED_THROUGH):
            if op.name in names:
                what = "" if argument is None else f" {argument!r:.60}"
                return f"opcode {op.name}{what} at byte {position}"
    except (ValueError, OverflowError, struct.error):
        pass
    return ""


def read(root: Root, path: str) -> Any:
    """The value of a file of a root. Raises SourceError with the file's name and the reason."""
    size = root.size(path)
    if not 0 <= size <= MAX_BYTES:
        state = f"has {size} bytes, more than {MAX_BYTES}" if size > 0 else "is not there"
        raise SourceError(f"{root.url}: {path} {state}")
    try:
        return plain(root.read(path))
    except UnsafePickle as err:
        raise SourceError(f"{path}: unsafe pickle: {err}") from err
    except (ValueError, BadSample) as err:
        raise SourceError(f"{path}: not readable as a pickle of plain data: {err}") from err
