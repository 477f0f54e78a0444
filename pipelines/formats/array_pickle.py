"""Pickles of plain data with arrays of numbers among them, read without running anything.

What NumPy writes for an array names a few of its functions and calls them. Here such a name stands
for nothing but itself: it is not looked up, and what a call of it would make is made by our own
code, of plain numbers only. Everything else is as in plain_pickle.py: any other name is an unsafe
pickle, whatever it would have done.

Read is what NumPy 1 and 2 write in any protocol, 0 to 5, from Python 2 or 3. Sources: pickletools;
NumPy's array_reduce_ex, array_setstate and arraydescr_reduce.
"""

from __future__ import annotations

import math
import pickle
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import plain_pickle
from .plain_pickle import UNSAFE, Allowed, Plain, UnsafePickle, as_text

ENCODE, ARRAY, DTYPE = "_codecs encode", "numpy ndarray", "numpy dtype"
NOTHING = "bytes"  # which is called for no bytes at all
EMPTY, SCALAR, FILLED = "multiarray _reconstruct", "multiarray scalar", "numeric _frombuffer"
KNOWN = {  # module and name -> what it is
    **{each: each for each in (ENCODE, ARRAY, DTYPE)},
    **{f"{builtins} bytes": NOTHING for builtins in ("__builtin__", "builtins")},
    **{f"numpy.{c}.{each}": each for c in ("core", "_core") for each in (EMPTY, SCALAR, FILLED)},
}
NUMBER = re.compile(r"[<>|=]?[biuf][1248]")
NAMING = (pickle.GLOBAL, pickle.STACK_GLOBAL)
ORDERS = ("<", ">", "|", "=")


@dataclass(frozen=True, slots=True)
class _Name:
    """A name that was allowed: one of the values of KNOWN."""

    what: str


@dataclass(slots=True)
class _Made:
    """What a call made: a type of numbers, or an array, whose values may come later."""

    dtype: str = ""
    array: NDArray[Any] | None = None


def plain(data: bytes) -> Any:
    """The value of a pickle of plain data, arrays of numbers among the values of its dict.

    Arrays are bool, whole or float, in native byte order. Raises UnsafePickle for a pickle that
    names anything that NumPy's arrays do not need, and ValueError for any other bytes.
    """
    value = plain_pickle.plain(data, _Arrays)
    if isinstance(value, dict):
        return {key: _finished(each) for key, each in value.items()}
    return _finished(value)


def _finished(value: Any) -> Any:
    if isinstance(value, _Name):
        raise ValueError(f"a name alone: {value.what}")
    if not isinstance(value, _Made):
        return value
    if value.array is None:
        raise ValueError("an array without values")
    return value.array


def _call(loop: Any) -> None:
    """What REDUCE does: the name and the arguments on the stack become what a call would make."""
    given = loop.stack.pop()
    name = loop.stack[-1]
    if not isinstance(name, _Name) or not isinstance(given, tuple):
        raise pickle.UnpicklingError(f"a call of a {type(name).__name__}")
    loop.stack[-1] = _made(name.what, given)


def _made(what: str, given: tuple[Any, ...]) -> Any:
    match what, given:
        case _ if what == ENCODE and given[1:] == ("latin1",) and isinstance(given[0], str):
            return given[0]
        case _ if what == NOTHING and not given:
            return ""
        case _ if what == DTYPE and isinstance(given[0], str):
            return _Made(dtype=given[0])
        case _ if what == EMPTY and given[0] == _Name(ARRAY):
            return _Made()
        case _ if what == SCALAR and len(given) == 2:
            return _values(given[1], given[0], (), fortran=False).item()
        case _ if what == FILLED and len(given) == 4:
            return _Made(array=_values(given[0], given[1], given[2], fortran=given[3] == "F"))
    raise pickle.UnpicklingError(f"{what} of {given!r:.60}")


def _fill(loop: Any) -> None:
    """What BUILD does: a type of numbers gets its byte order, an array its values."""
    state = loop.stack.pop()
    made = loop.stack[-1]
    if not isinstance(made, _Made) or not isinstance(state, tuple):
        raise pickle.UnpicklingError(f"a state of a {type(made).__name__}")
    if made.dtype:
        if state[1] not in ORDERS or state[2] is not None or state[3] is not None:
            raise pickle.UnpicklingError(
                f"numbers of more than one part, of the order {state[1]!r:.9}"
            )
        made.dtype = state[1] + made.dtype.lstrip("<>|=")
    else:
        _, shape, dtype, fortran, values = state
        made.array = _values(values, dtype, shape, fortran=bool(fortran))


def _values(text: Any, dtype: Any, shape: Any, *, fortran: bool) -> NDArray[Any]:
    """An array of numbers from its bytes, as latin-1 text. Raises ValueError or TypeError."""
    if not isinstance(dtype, _Made) or not NUMBER.fullmatch(dtype.dtype):
        said = dtype.dtype if isinstance(dtype, _Made) else f"{dtype!r:.60}"
        raise pickle.UnpicklingError(f"an array of {said}, not of plain numbers")
    kind = np.dtype(dtype.dtype)
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise pickle.UnpicklingError(f"an array of shape {shape!r:.60}")
    data = text.encode("latin1")
    if len(data) != math.prod(shape) * kind.itemsize:
        raise pickle.UnpicklingError(f"{len(data)} bytes for {kind} {list(shape)}")
    values = np.frombuffer(data, kind).reshape(shape, order="F" if fortran else "C")
    return np.ascontiguousarray(values, kind.newbyteorder("=")).reshape(shape)


class _Arrays(Plain):
    """The unpickler of plain data, with what NumPy's arrays need."""

    unsafe = UNSAFE - {"GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"}
    dispatch = Allowed(Plain.dispatch)
    dispatch |= {
        op[0]: pickle._Unpickler.dispatch[op[0]] for op in (pickle.GLOBAL, pickle.STACK_GLOBAL)
    }
    dispatch |= {pickle.REDUCE[0]: _call, pickle.BUILD[0]: _fill}
    dispatch |= {pickle.BYTEARRAY8[0]: as_text(pickle.BYTEARRAY8)}

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of a name. Raises UnsafePickle for one that is not on the list."""
        found = KNOWN.get(f"{module} {name}")
        if found is None:
            raise UnsafePickle(f"it names {module!r:.60}.{name!r:.60}; nothing was run")
        return _Name(found)
