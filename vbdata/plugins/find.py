"""Find plug-ins by name, load them, and see that they keep their contract."""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import importlib.util
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

HOME = "vbdata.plugins"
DATASETS = "pipelines"
TASKS = "transforms"
DATASET_CONTRACT = ("LABELS", "LICENSE", "HOMEPAGE", "index", "load")
TASK_CONTRACT = (
    "NEEDS",
    "BLANK_INPUT",
    "eligible",
    "ask",
    "render",
    "valid",
    "decode",
    "legal",
    "roundtrip",
    "TOLERANCE",
    "UNIT",
    "PARAMS",
)
GIVEN = ("vocabulary", "source")  # keywords that the engine fills, no options of a recipe

# What resolving a name can raise: no such module, a broken contract, or what its own code raises.
UNUSABLE = (LookupError, ImportError, SyntaxError, ValueError, TypeError, AttributeError, NameError)


def names(package: str) -> list[str]:
    """The modules in a folder of plug-ins (`pipelines`, `transforms`, `pipelines.demo`), sorted.

    Its files are listed; none of them is imported.
    """
    listed = pkgutil.iter_modules(importlib.import_module(f"{HOME}.{package}").__path__)
    return sorted(m.name for m in listed if not m.ispkg and not m.name.startswith("_"))


def module_name(package: str, name: str) -> str | None:
    """The full name of the module behind a plug-in's name, None if there is none.

    A plain name is a file of the package. A dotted name is a module of the user's own, wherever
    Python finds it or, last, in the working directory.
    """
    if "." in name:
        return name if _is_module(name) or (_is_here(name) and _is_module(name)) else None
    return f"{HOME}.{package}.{name}" if name in names(package) else None


@functools.cache
def resolve(package: str, name: str) -> ModuleType:
    """The module behind a name. Raises LookupError for no module or a broken contract."""
    full = module_name(package, name)
    if full is None:
        raise LookupError(f"no module {name!r} in {package}")
    module = importlib.import_module(full)
    contract = DATASET_CONTRACT if package == DATASETS else TASK_CONTRACT
    missing = [part for part in contract if not hasattr(module, part)]
    if missing:
        raise LookupError(f"{full} lacks {', '.join(missing)}")
    return module


def usable(package: str, name: str) -> ModuleType | None:
    """The module behind a name, or None if there is none that keeps its contract."""
    try:
        return resolve(package, name)
    except UNUSABLE:
        return None


def warm(package: str, name: str) -> None:
    """Load a module, and what it would otherwise load or compute with its first sample (`warm`)."""
    module = usable(package, name)
    if module is not None and hasattr(module, "warm"):
        module.warm()


def dataset(name: str) -> ModuleType:
    """A dataset's module. Raises LookupError for no module or a broken contract."""
    return resolve(DATASETS, name)


def task(name: str) -> ModuleType:
    """A task's module. Raises LookupError for no module or a broken contract."""
    return resolve(TASKS, name)


def mounts(name: str) -> bool:
    """Whether archives below a dataset's roots count as unpacked; some readers read them whole."""
    return not getattr(dataset(name), "READS_ARCHIVES", False)


def options(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The keyword options of a dataset's `index` or a task's `ask`, as a recipe may set them."""
    parameters = inspect.signature(function).parameters
    keyword = {n: p for n, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}
    return {name: p for name, p in keyword.items() if name not in GIVEN}


def _is_module(full: str) -> bool:
    try:
        return importlib.util.find_spec(full) is not None
    except (ImportError, ValueError):
        return False


def _is_here(full: str) -> bool:
    """Put the working directory last on the path, if it has a module's top-level package.

    `python -m vbdata` begins with it there, the command `vbdata` without.
    """
    try:
        here, top = os.getcwd(), full.partition(".")[0]
    except FileNotFoundError:  # it was deleted
        return False
    if here in sys.path or importlib.machinery.PathFinder.find_spec(top, [here]) is None:
        return False
    sys.path.append(here)
    return True
