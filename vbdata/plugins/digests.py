"""Digests of the code that decides bytes: of the engine by folder, of plug-ins by what they import.

All are of code alone (vbdata.plugins.source_text): prose moves none. So no code that decides bytes
may read a docstring, its own or another's.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from vbdata.plugins import known_code
from vbdata.plugins.find import DATASETS, HOME, TASKS, module_name
from vbdata.plugins.known_code import Known

VBDATA = Path(__file__).parents[1]
ENGINE = ("core", "shard")  # the folders of the engine whose code decides bytes
OURS = tuple(f"{HOME}.{package}." for package in (DATASETS, TASKS))


@functools.cache
def engine_files() -> Mapping[str, str]:
    """SHA-256 of the code of each engine file that decides bytes, by its path below vbdata."""
    return {name: digest for folder in ENGINE for name, digest in _files(folder)}


@functools.cache
def engine_digest() -> str:
    """SHA-256 over the code of all engine files that decide bytes, compiled parts too."""
    return _digest(engine_files())


@functools.cache
def folder_digest(folder: str) -> str:
    """SHA-256 over the code of all files of a folder of vbdata."""
    return _digest(dict(_files(folder)))


@functools.cache
def code_digest(package: str, name: str) -> str:
    """SHA-256 over the code of a plug-in and of all plug-in code that it imports (`code_modules`).

    Raises LookupError if there is no such plug-in.
    """
    return _digest(code_modules(package, name))


@functools.cache
def code_modules(package: str, name: str) -> Mapping[str, str]:
    """SHA-256 of the code of a plug-in and of each module that it imports, by the module's name.

    Followed are imports of pipelines, transforms and the plug-in's own top-level package, however
    deep in a file they stand, with the packages that the modules lie in. Raises LookupError if
    there is no such plug-in.
    """
    first = module_name(package, name)
    if first is None:
        raise LookupError(f"no module {name!r} in {package}")
    tops = {DATASETS, TASKS, first.partition(".")[0]} - {"vbdata"}
    waiting, found = [first], dict[str, str]()
    while waiting:
        full = waiting.pop()
        if full in found or not (full.startswith(OURS) or full.partition(".")[0] in tops):
            continue
        spec = _spec(full)
        if spec is not None:
            code = _code(spec)
            found[full] = code.sha256
            waiting += _imported(code, spec)
    return found


def _digest(digests: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name in sorted(digests):
        digest.update(f"{name}\0{digests[name]}\0".encode())
    return digest.hexdigest()


def _files(folder: str) -> Iterator[tuple[str, str]]:
    """The path below vbdata, and a digest of the code, of each file of a folder.

    Hidden and cached files are none of them.
    """
    for path in (VBDATA / folder).rglob("*"):
        name = path.relative_to(VBDATA).as_posix()
        if path.suffix == ".py":
            yield name, known_code.python(importlib.util.decode_source(path.read_bytes())).sha256
        elif path.suffix in (".c", ".h"):
            yield name, known_code.c(path.read_text(encoding="utf-8")).sha256
        elif path.suffix == ".so":  # made of the C code, whose digest is in its name
            continue
        elif path.is_file() and "/." not in name and "__pycache__" not in name:
            yield name, known_code.sha256(hashlib.sha256(path.read_bytes()).hexdigest())


def _spec(full: str) -> ModuleSpec | None:
    """Where a module is, None if it is none; neither it nor a package above it is imported."""
    parent = full.rpartition(".")[0]
    try:
        if not parent:
            return importlib.util.find_spec(full)
        where = _locations(parent)
        return None if where is None else PathFinder.find_spec(full, where)
    except (ImportError, ValueError):
        return None


def _locations(package: str) -> Sequence[str] | None:
    """The folders that a package's modules lie in, None if it is no package."""
    loaded = import_module(package) if f"{package}." in OURS else sys.modules.get(package)
    if loaded is not None:
        return getattr(loaded, "__path__", None)
    spec = _spec(package)
    return None if spec is None else spec.submodule_search_locations


def _code(spec: ModuleSpec) -> Known:
    """A module's code; of one that is compiled, a digest of its file."""
    text = spec.loader.get_source(spec.name) if isinstance(spec.loader, InspectLoader) else None
    if text is None and spec.has_location and spec.origin:
        of_file = hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()
        return Known(known_code.sha256(of_file), ())
    return known_code.python(text or "")


def _imported(code: Known, spec: ModuleSpec) -> Iterator[str]:
    """Names that may be of modules that a module imports, and of the packages above them."""
    for level, module, names in code.imports:
        base = importlib.util.resolve_name("." * level + module, spec.parent)
        parts = base.split(".")
        yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))
        yield from (f"{base}.{name}" for name in names)
