"""Readers and tasks as pages: read off their modules' docstrings, constants and signatures."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from vbdata import plugins
from vbdata.errors import RecipeError, choices
from vbdata.guide import docstrings
from vbdata.guide.docstrings import Block
from vbdata.recipe import curriculum
from vbdata.recipe import filters as filters_module

PACKAGES = (plugins.DATASETS, plugins.TASKS)
SIMPLE = {bool: "true or false", int: "integer", float: "number", str: "text"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of a reader or task. type: in words; meaning: of its docstring, "" if none."""

    name: str
    type: str
    default: Any
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A reader or a task.

    kind: "reader" or "task"; labels: the kinds that a reader offers, or that a task needs; serves:
    the tasks that a reader can serve, or the readers that can serve a task; licence, homepage: of a
    reader's data, "" of a task; layout: of its files, as the docstring draws it; blocks: the
    docstring without its title.
    """

    kind: str
    name: str
    title: str
    licence: str
    homepage: str
    labels: tuple[str, ...]
    serves: tuple[str, ...]
    options: tuple[Option, ...]
    layout: str
    blocks: tuple[Block, ...]

    def as_json(self) -> dict[str, Any]:
        """The page as JSON values."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        fields["options"] = [dataclasses.asdict(option) for option in self.options]
        fields["blocks"] = [dataclasses.asdict(block) for block in self.blocks]
        return fields


def page(name: str) -> Page:
    """The page of a reader or task, by its name or the dotted name of a module of one's own.

    Raises RecipeError, which names the known ones, the nearest first.
    """
    for package in PACKAGES:
        if (module := plugins.usable(package, name)) is not None:
            return _page(package, name, module)
    known = [each for package in PACKAGES for each in plugins.names(package)]
    why = [
        f"as a {kind}: {plugins.why_not(package, name)}"
        for package, kind in zip(PACKAGES, ("reader", "task"), strict=True)
        if plugins.module_name(package, name) is not None
    ]
    raise RecipeError(why or [f"{name!r} is neither a reader nor a task{choices(name, known)}"])


def pages() -> list[Page]:
    """The pages of all readers, then those of all tasks that can be used, each by name."""
    return [page(name) for package in PACKAGES for name in plugins.all_usable(package)]


def filters() -> str:
    """What every source may have beside the options of its reader, as it is documented."""
    return inspect.getdoc(filters_module) or ""


def of_every_task() -> str:
    """What every task may have beside its own options, as it is documented."""
    return inspect.getdoc(curriculum) or ""


def _page(package: str, name: str, module: ModuleType) -> Page:
    reader = package == plugins.DATASETS
    docstring = module.__doc__ or ""
    parts = docstrings.blocks(docstring)
    return Page(
        kind="reader" if reader else "task",
        name=name,
        title=docstrings.title(docstring),
        licence=str(module.LICENSE) if reader else "",
        homepage=str(module.HOMEPAGE) if reader else "",
        labels=tuple(module.LABELS if reader else module.NEEDS),
        serves=served(module.LABELS) if reader else _serving(module.NEEDS),
        options=_options(module, module.index if reader else module.ask),
        layout="\n\n".join(b.text for b in parts if b.kind == "literal") if reader else "",
        blocks=tuple(parts),
    )


def served(labels: tuple[str, ...]) -> tuple[str, ...]:
    """The tasks that kinds of labels suffice for, by name."""
    tasks = plugins.all_usable(plugins.TASKS)
    return tuple(name for name, task in tasks.items() if plugins.suffice(labels, task.NEEDS))


def _serving(needs: tuple[str, ...]) -> tuple[str, ...]:
    readers = plugins.all_usable(plugins.DATASETS)
    return tuple(name for name, reader in readers.items() if plugins.suffice(reader.LABELS, needs))


def _options(module: ModuleType, function: Any) -> tuple[Option, ...]:
    parameters = plugins.options(function)
    said = docstrings.meanings(module, function, list(parameters))
    return tuple(
        Option(
            name=name,
            type=_type(each),
            default=_plain(each.default),
            meaning=said.get(name, ""),
        )
        for name, each in parameters.items()
    )


def _type(parameter: inspect.Parameter) -> str:
    """What a recipe may say for an option, by its default and, of lists, its annotation."""
    default, annotation = parameter.default, str(parameter.annotation)
    if isinstance(default, Mapping):
        return "mapping, list or text"
    if not isinstance(default, str) and isinstance(default, list | tuple):
        return "text or list"
    if isinstance(default, str) and annotation not in ("str", "<class 'str'>"):
        return "text or list"
    if annotation == "float":
        return SIMPLE[float]
    return next((word for kind, word in SIMPLE.items() if isinstance(default, kind)), annotation)


def _plain(value: Any) -> Any:
    """A default as a JSON value."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, str | int | float | None) else str(value)
