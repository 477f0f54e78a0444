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
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from vbdata.core.arrays import NUMPY
from vbdata.core.reversal import forward_name, is_reversed
from vbdata.errors import choices
from vbdata.plugins import contract, decoded
from vbdata.plugins.reversal import ReversedTask, why_no_reverse
from vbdata.plugins.tensors import TensorTask, arrays_of

HOME = "vbdata.plugins"
DATASETS = "pipelines"
TASKS = "transforms"
# What packages of other people offer: the entry points of these groups, each a module by its name.
GROUPS = {DATASETS: "vbdata.readers", TASKS: "vbdata.tasks"}
GIVEN = ("vocabulary", "source")  # keywords that the engine fills, no options of a recipe

# What resolving a name can raise: no such module, a broken contract, or what its own code raises.
UNUSABLE = (LookupError, ImportError, SyntaxError, ValueError, TypeError, AttributeError, NameError)


def names(package: str) -> list[str]:
    """The modules in a folder of plug-ins (`pipelines`, `transforms`, `pipelines.demo`), sorted.

    Among those of the first two are what installed packages offer (GROUPS). Files and entry points
    are listed; none of them is imported.
    """
    return sorted({*_files(package), *offered(package)})


def _files(package: str) -> list[str]:
    listed = pkgutil.iter_modules(importlib.import_module(f"{HOME}.{package}").__path__)
    return [m.name for m in listed if not m.ispkg and not m.name.startswith("_")]


@functools.cache
def offered(package: str) -> dict[str, str]:
    """What installed packages offer as plug-ins: name -> full name of a module.

    A name that has a file here, too, is that file's. Of two packages that offer one name, the one
    whose module comes first in the alphabet has it; the other's module is found by its dotted name.
    """
    if package not in GROUPS:
        return {}
    found = sorted((e.name, e.module) for e in entry_points(group=GROUPS[package]))
    return dict(reversed(found))


def module_name(package: str, name: str) -> str | None:
    """The full name of the module behind a plug-in's name, None if there is none.

    A plain name is a file of the package, else what an installed package offers. A dotted name is a
    module of the user's own, wherever Python finds it or, last, in the working directory. Behind
    TASK-reversed is that of the task (vbdata.core.reversal).
    """
    name = forward_name(name) if package == TASKS else name
    if "." in name:
        return name if _is_module(name) or (_is_here(name) and _is_module(name)) else None
    return f"{HOME}.{package}.{name}" if name in _files(package) else offered(package).get(name)


@functools.cache
def resolve(package: str, name: str) -> ModuleType:
    """The module behind a name.

    Raises LookupError for no module, one that cannot be imported, or a broken contract
    (vbdata.plugins.contract).
    """
    full = module_name(package, name)
    if full is None:
        raise LookupError(unknown(package, name))
    try:
        module = importlib.import_module(full)
    except Exception as err:  # whatever its own code raises
        raise LookupError(f"{full} cannot be imported: {type(err).__name__}: {err}") from err
    if wrong := contract.faults(module, contract.READER if package == DATASETS else contract.TASK):
        raise LookupError(f"{full}: {'; '.join(wrong)}")
    return module


def unknown(package: str, name: str) -> str:
    """What to say of a name that is no plug-in's: the known ones, or where a module is sought."""
    kind = "dataset" if package == DATASETS else "task"
    if "." in name:
        where = _here() or "(which was deleted)"
        return (
            f"unknown {kind} {name!r}: no such module on Python's path, nor in the working "
            f"directory {where}"
        )
    return f"unknown {kind} {name!r}{choices(name, names(package))}"


def why_not(package: str, name: str) -> str:
    """Why a name cannot be used as a plug-in's, "" if it can."""
    if module_name(package, name) is None:
        return unknown(package, name)
    try:
        task(name) if package == TASKS else resolve(package, name)
    except UNUSABLE as err:
        kind = "" if isinstance(err, LookupError) else f"{type(err).__name__}: "
        return f"{name!r} cannot be used: {kind}{err}"
    return ""


def all_usable(package: str) -> dict[str, ModuleType]:
    """All plug-ins that keep their contract, by name, sorted."""
    found = {name: usable(package, name) for name in names(package)}
    return {name: module for name, module in found.items() if module is not None}


def photograph(task: str) -> bool:
    """Whether a task's target is a picture of the record, that of NEEDS[0], and no drawn label.

    Its module says so by PHOTOGRAPH = True. False for a task that is not installed here.
    """
    return bool(getattr(usable(TASKS, task), "PHOTOGRAPH", False))


def usable(package: str, name: str) -> ModuleType | None:
    """The module behind a name, or None if there is none that keeps its contract."""
    try:
        return task(name) if package == TASKS else resolve(package, name)
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


@functools.cache
def task(name: str) -> ModuleType:
    """A task's module, whose functions take NumPy's arrays (vbdata.plugins.tensors).

    Of a module of one's own, what `decode` returns is looked at (vbdata.plugins.decoded).
    TASK-reversed is the task the other way round (vbdata.plugins.reversal). Raises LookupError for
    no module, a broken contract, or a task that cannot be turned round.
    """
    if is_reversed(name):
        module = task(forward_name(name))
        if why := why_no_reverse(module, forward_name(name)):
            raise LookupError(why)
        return ReversedTask(module, forward_name(name))
    module = resolve(TASKS, name)
    numpy = NUMPY in arrays_of(module)
    if not module.__name__.startswith(f"{HOME}."):
        if fault := decoded.probed(module, numpy):
            raise LookupError(f"{module.__name__}: {fault}")
        module = decoded.CheckedTask(module, name)
    return module if numpy else TensorTask(module)


def drawing(name: str) -> ModuleType:
    """The module that draws a task's label, as `task` has it: of TASK-reversed that of the task."""
    return task(forward_name(name))


def ours(used: Iterable[tuple[str, str]]) -> bool:
    """Whether plug-ins, each as (package, name), are all vbdata's: then no code of others runs."""
    return all((module_name(*plugin) or "").startswith(f"{HOME}.") for plugin in used)


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
    here, top = _here(), full.partition(".")[0]
    if not here or here in sys.path:
        return False
    if importlib.machinery.PathFinder.find_spec(top, [here]) is None:
        return False
    sys.path.append(here)
    return True


def _here() -> str:
    """The working directory, "" if it was deleted."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""
