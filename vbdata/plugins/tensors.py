"""Tasks written with torch alone, for an engine whose arrays on the CPU are NumPy's.

A task says what its functions take in a constant of its own: `ARRAYS = ("numpy", "torch")`, both;
`("numpy",)`, NumPy's alone, on whatever device a build runs; without it tensors. Those get tensors
that share the arrays' memory, and what they return is NumPy's again.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from vbdata.core.arrays import NUMPY, placed
from vbdata.core.labels import Label, moved

TENSORS = ("torch",)


def arrays_of(module: ModuleType) -> tuple[str, ...]:
    """What arrays a task's functions take: "numpy", "torch" or both.

    The constant must be the module's own: one that hands on what it lacks to another task
    (`__getattr__`) does not take what that one takes.
    """
    given = vars(module).get("ARRAYS", TENSORS)
    return tuple(given) if isinstance(given, tuple | list) else (str(given),)


class TensorTask(ModuleType):
    """A task that takes tensors alone, as one that takes NumPy's arrays, too.

    Whatever its module has, this has as well. Functions that are given arrays get tensors instead,
    alone, in labels, lists and tuples; what they return for them is turned back. Tensors, which a
    build on a device gives them, pass as they are.
    """

    def __init__(self, module: ModuleType) -> None:
        super().__init__(module.__name__, module.__doc__)
        self.ARRAYS = (NUMPY, *TENSORS)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        return _with_tensors(found) if inspect.isroutine(found) else found


def _with_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def given(*args: Any, **kwargs: Any) -> Any:
        if not any(map(_holds_arrays, (*args, *kwargs.values()))):
            return function(*args, **kwargs)
        told = {name: _at(value, "cpu") for name, value in kwargs.items()}
        return _at(function(*(_at(value, "cpu") for value in args), **told), NUMPY)

    return given


def _holds_arrays(value: Any) -> bool:
    if isinstance(value, Label):
        return isinstance(value.valid, np.ndarray)
    if isinstance(value, (list, tuple)):
        return any(map(_holds_arrays, value))
    return isinstance(value, np.ndarray)


def _at(value: Any, where: str) -> Any:
    """The value with its arrays at a place (vbdata.core.arrays)."""
    if isinstance(value, Label):
        return moved(value, where)
    if type(value) in (list, tuple):
        return type(value)(_at(each, where) for each in value)
    if isinstance(value, np.ndarray) or hasattr(value, "data_ptr"):
        return placed(value, where)
    return value
