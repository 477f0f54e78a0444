"""Faults of a recipe: each is a line with the key, the value and the known choices."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from vbdata import plugins
from vbdata.errors import choices
from vbdata.recipe import filters, yaml12
from vbdata.recipe.licences import forbidden
from vbdata.recipe.roots import unset
from vbdata.recipe.shown import shown
from vbdata.recipe.task_options import Find, task_option_faults
from vbdata.storage.secrets import redacted

SOURCE_KEYS = ("dataset", "root", "tasks")
NESTED = 5  # mappings and lists within one another, of an option
LONGEST = 4000  # characters of a fault that are told
MOST = 1000  # faults that are told
MOST_VALUES = 20_000  # of an option: names and colours of some thousand classes


def recipe_faults(raw: Mapping[str, Any], roots: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Faults that the schema cannot find: names of plug-ins, options, roots, licences.

    raw: the recipe as it was read; roots: overrides of roots, by source or held-out set.
    """
    find = cache(_module)  # once a recipe: it looks at the disk, and sources may be many
    yield from _plug_in_faults(raw, find)
    yield from task_option_faults(raw, find)
    yield from _root_faults(raw, roots)
    yield from _licence_faults(raw, find)


def _plug_in_faults(raw: Mapping[str, Any], find: Find) -> Iterator[str]:
    """Faults in how sources name datasets, options and tasks."""
    for name, source in _mapping(raw.get("sources")).items():
        source = _mapping(source)
        tasks = _mapping(source.get("tasks"))
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", str(name)):
            yield f"sources.{name}: a name is letters, digits, '-' and '_'"
        labels = None
        if isinstance(source.get("dataset"), str):
            module, fault = find(plugins.DATASETS, source["dataset"])
            if fault:
                yield f"sources.{name}.dataset: {fault}"
            else:
                labels = {*module.LABELS, "image"}
                yield from _option_faults(str(name), source, module)
        for task in tasks:
            yield from _task_faults(str(name), str(task), source.get("dataset"), labels, find)


def _option_faults(name: str, source: Mapping[str, Any], module: Any) -> Iterator[str]:
    options = plugins.options(module.index)
    source, filtered = filters.split(source, options)
    faults = list(filters.filter_faults(filtered))
    for key, value in source.items():
        if key not in options and key not in SOURCE_KEYS:
            known = [*options, *SOURCE_KEYS, *filters.KEYS]
            faults.append(f"{key}: unknown key{choices(key, known)}")
        elif key in options and (wanted := _no_option(options[key].default, value)):
            faults.append(f"{key}: should be {wanted}, got {shown(value)}")
    if not faults and hasattr(module, "option_faults"):
        faults += module.option_faults({k: v for k, v in source.items() if k in options})
    yield from (f"sources.{name}.{fault}" for fault in faults)


def _no_option(default: Any, value: Any) -> str:
    """What an option of a reader has to be, "" if the value is that.

    A text, a number or a list of them; mappings, which may nest, only where the default is one.
    """
    if not isinstance(default, Mapping):
        plain = all(isinstance(v, str | int | Decimal) for v in _items(value))
        return "" if plain else "a text, number or list"
    if _values(value, NESTED) > MOST_VALUES:
        return (
            f"texts, numbers, lists and mappings, nested {NESTED} deep at most, "
            f"{MOST_VALUES} values in all"
        )
    return ""


def _values(value: Any, deep: int) -> int:
    """How many texts and numbers a value holds; too many if it is no option or nests deeper."""
    if isinstance(value, str | int | Decimal):
        return 1
    if not isinstance(value, list | dict) or not deep:
        return MOST_VALUES + 1
    parts = value.values() if isinstance(value, dict) else value
    return sum(_values(part, deep - 1) for part in parts)


def _task_faults(
    name: str, task: str, dataset: Any, labels: set[str] | None, find: Find
) -> Iterator[str]:
    module, fault = find(plugins.TASKS, task)
    if fault:
        yield f"sources.{name}.tasks.{task}: {fault}"
    elif labels is not None and not plugins.suffice(labels, module.NEEDS):
        missing = sorted(need for need in module.NEEDS if not plugins.suffice(labels, [need]))
        tasks = plugins.all_usable(plugins.TASKS)
        able = [name for name, module in tasks.items() if plugins.suffice(labels, module.NEEDS)]
        arbitrary = "depth" in missing and "relative_depth" in labels
        yield (
            f"sources.{name}.tasks.{task}: dataset {dataset!r} has no {', '.join(missing)}"
            f"{' in metres: the scale of its depth is arbitrary' * arbitrary}"
            f"; it can serve: {', '.join(able) or 'nothing'}"
        )


def _module(package: str, name: str) -> tuple[Any, str]:
    """(module, "") or (None, what is wrong with the name)."""
    if fault := plugins.why_not(package, name):
        return None, fault
    return plugins.resolve(package, name), ""


def _root_faults(raw: Mapping[str, Any], roots: Mapping[str, Sequence[str]]) -> Iterator[str]:
    names = [str(name) for name in _mapping(raw.get("sources"))]
    for name, source in _mapping(raw.get("sources")).items():
        if str(name) not in roots:
            yield from (f"sources.{name}.root: {f}" for f in unset(_mapping(source).get("root")))
    listed = raw.get("holdout")
    for place, item in enumerate(listed if isinstance(listed, list) else ()):
        named = item.get("set") if isinstance(item, dict) else item
        names.append(named if isinstance(named, str) else shown(named))
        if names[-1] not in roots:
            yield from (f"holdout.{place}.root: {f}" for f in unset(_mapping(item).get("root")))
    for name in roots:
        if name not in names:
            yield f"--root {name}: no such source or held-out set{choices(name, names)}"


def _licence_faults(raw: Mapping[str, Any], find: Find) -> Iterator[str]:
    """Sources whose dataset as a whole has a licence that the policy forbids.

    Licences of single records are looked at when the mixture is planned.
    """
    if raw.get("licence_policy") != "commercial":
        return
    for name, source in _mapping(raw.get("sources")).items():
        dataset = _mapping(source).get("dataset")
        module, _ = find(plugins.DATASETS, dataset) if isinstance(dataset, str) else (None, "")
        if module and forbidden(module.LICENSE):
            yield (
                f"sources.{name}: licence_policy is 'commercial', and {dataset!r} is "
                f"{module.LICENSE}"
            )


def schema_faults(
    err: ValidationError, model: type[BaseModel], below: Mapping[str, type[BaseModel]]
) -> Iterator[str]:
    """The faults that pydantic found. below: models of the keys that hold a mapping."""
    for fault in err.errors():
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            keys = below.get(str(fault["loc"][0]), model).model_fields
            yield f"{key}: unknown key{choices(fault['loc'][-1], keys)}"
        elif fault["type"] == "missing":
            yield f"{key}: missing"
        else:
            message = fault["msg"].replace("Input should be", "should be")
            yield f"{key}: {message}, got {shown(fault['input'])}"


def told(name: str, faults: Sequence[str], text: str = "") -> list[str]:
    """The faults of a recipe as they are told: with its name, cut, without keys to a store.

    text: of the recipe, by which those that begin with a key get its line, as in "r.yaml:7: ...".
    """
    lines = yaml12.lines(text) if text else {}
    cut = [fault if len(fault) <= LONGEST else f"{fault[:LONGEST]}..." for fault in faults[:MOST]]
    wheres = [f"{name}{_line(fault, lines)}" for fault in cut]
    if more := len(faults) - len(cut):
        cut.append(f"and {more} faults more")
        wheres.append(name)
    return [f"{where}: {redacted(fault)}" for where, fault in zip(wheres, cut, strict=True)]


def _line(fault: str, lines: Mapping[str, int]) -> str:
    """A colon and the line of the key that a fault begins with, or of one above it; "" if none."""
    key = fault.partition(": ")[0]
    while key and key not in lines:
        key = key.rpartition(".")[0]
    return f":{lines[key]}" if key else ""


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}
