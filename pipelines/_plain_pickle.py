"""Pickles of plain data, read without running anything: an allow-list of opcodes.

Lists, tuples, dicts, text, numbers, booleans and None, in the protocols 0 to 2 of Python 2, whose
byte strings are taken as latin-1. There is no opcode here that names, makes or calls an object.
The loop is the interpreter's own in Python, whose memo is a dict: in the C one a memo index alone
asks for gigabytes. About 9 million opcodes (RefCOCO) take five seconds.
"""

from __future__ import annotations

import io
import pickle
import struct
from typing import TYPE_CHECKING, Any

from vbdata.errors import BadSample, SourceError

if TYPE_CHECKING:
    from vbdata.storage import Folder

MAX_BYTES = 1 << 28  # RefCOCO's largest file has a sixth of it

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
)
# What the loop raises on bytes that are no pickle, or on one that treats a dict as a list.
DAMAGE = (
    *(pickle.UnpicklingError, EOFError, struct.error, ValueError, OverflowError),
    *(TypeError, AttributeError, IndexError, AssertionError),
)


class _Allowed(dict[int, Any]):
    """Opcode -> what it does; all others are refused."""

    def __missing__(self, code: int) -> Any:
        what = f"opcode {bytes([code])!r} is not allowed: only plain lists, dicts, text and numbers"
        raise pickle.UnpicklingError(what)


class _Plain(pickle._Unpickler):
    dispatch = _Allowed({op[0]: pickle._Unpickler.dispatch[op[0]] for op in OPCODES})


def plain(data: bytes) -> Any:
    """The value of a pickle. Raises ValueError, saying why, if it is not one of plain data."""
    stream = io.BytesIO(data)
    try:
        value = _Plain(stream, encoding="latin1").load()
    except DAMAGE as err:
        where = f"before byte {stream.tell()}"
        raise ValueError(f"{str(err) or type(err).__name__}, {where}") from err
    if stream.tell() != len(data):
        raise ValueError(f"{len(data) - stream.tell()} bytes after its end")
    return value


def read(root: Folder, path: str) -> Any:
    """A file's value. Raises SourceError, naming the file."""
    size = root.size(path)
    if not 0 <= size <= MAX_BYTES:
        found = f"has {size} bytes, more than {MAX_BYTES}" if size > 0 else "is not there"
        raise SourceError(f"{root.url}: {path} {found}")
    try:
        return plain(root.read(path))
    except (ValueError, BadSample) as err:
        raise SourceError(f"{path}: not readable as a pickle of plain data: {err}") from err
