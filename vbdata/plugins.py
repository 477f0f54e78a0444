"""Names to modules: a dataset is a file in pipelines/, a task is a file in transforms/.

A recipe may also give the dotted name of a module of its own. Files whose names start with an
underscore are shared parts, not plug-ins. There is no list to edit.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.abc
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from vbdata.core import compiled

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

# What resolving a name can raise: no such module, a broken contract, or what its own code raises.
UNUSABLE = (LookupError, ImportError, SyntaxError, ValueError, TypeError, AttributeError, NameError)

# The engine's own modules whose code decides bytes.
ENGINE = (
    "core.types",
    "core.rng",
    "core.images",
    "core.jpeg",
    "core.rounding",
    "core.surface",
    "core.geometry",
    "core.png",
    "core.png_read",
    "core.deflate",
    "shard.tar",
    "core.english",
    "core.prompts",
    "shard.reads",
    "shard.sample",
    "shard.shard",
)


def names(package: str) -> list[str]:
    """The plug-ins of a package, by listing its files; nothing is imported but the package."""
    found = pkgutil.iter_modules(importlib.import_module(package).__path__)
    return sorted(m.name for m in found if not m.ispkg and not m.name.startswith("_"))


def module_name(package: str, name: str) -> str | None:
    """The module behind a name, or None: a file of the package, or a dotted name as it is."""
    if "." in name:
        try:
            return name if importlib.util.find_spec(name) else None
        except (ImportError, ValueError):
            return None
    return f"{package}.{name}" if name in names(package) else None


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
    """A dataset's module."""
    return resolve(DATASETS, name)


def task(name: str) -> ModuleType:
    """A task's module."""
    return resolve(TASKS, name)


def mounts(name: str) -> bool:
    """Whether archives below a dataset's roots count as unpacked; some readers read them whole."""
    return not getattr(dataset(name), "READS_ARCHIVES", False)


def options(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The keyword options of a dataset's `index` or a task's `ask`, as a recipe may set them."""
    parameters = inspect.signature(function).parameters
    keyword = {n: p for n, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}
    return {name: p for name, p in keyword.items() if name != "vocabulary"}


@functools.cache
def code_digest(package: str, name: str) -> str:
    """SHA-256 over the source of a plug-in and of all plug-in code that it imports.

    That is: modules of pipelines, transforms and the plug-in's own top-level package.
    """
    first = module_name(package, name)
    if first is None:
        raise LookupError(f"no module {name!r} in {package}")
    tops = (DATASETS, TASKS, first.partition(".")[0])
    waiting, texts = [first], dict[str, str]()
    while waiting:
        full = waiting.pop()
        if full not in texts:
            texts[full] = _source(full)
            waiting += _imports(full, texts[full], tops)
    return _digest(texts)


@functools.cache
def engine_digest() -> str:
    """SHA-256 over the source of the engine that decides bytes, compiled parts too."""
    return _digest({name: _source(f"vbdata.{name}") for name in ENGINE} | compiled.sources())


def modules_digest(*names: str) -> str:
    """SHA-256 over the source of some of the engine's modules."""
    return _digest({name: _source(f"vbdata.{name}") for name in names})


def _digest(texts: dict[str, str]) -> str:
    digest = hashlib.sha256()
    for full in sorted(texts):
        digest.update(f"{full}\0{texts[full]}\0".encode())
    return digest.hexdigest()


def _source(full: str) -> str:
    spec = importlib.util.find_spec(full)
    loader = spec.loader if spec else None
    text = loader.get_source(full) if isinstance(loader, importlib.abc.InspectLoader) else None
    return (text or "").replace("\r\n", "\n")


def _imports(full: str, text: str, tops: Sequence[str]) -> set[str]:
    """Modules of some top-level packages that a module's source imports, at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            base = importlib.util.resolve_name(dots + (node.module or ""), full.rpartition(".")[0])
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.partition(".")[0] in tops and _is_module(name)}


def _is_module(full: str) -> bool:
    try:
        return importlib.util.find_spec(full) is not None
    except ImportError:
        return False
