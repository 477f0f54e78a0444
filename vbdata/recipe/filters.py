"""Filters of a source, as a recipe writes them beside the options of its reader.

only: ["train/*", {file: ids.txt}]            # ids, groups, globs of them, list files
without: "*_blurred"                          # the same; # begins a comment in a list file
classes: {keep: [car, vehicle, tv], rename: {tv: screen}, merge: {vehicle: [bus, truck]}}
min_area: 400                                 # pixels; smaller instances are not valid
min_instances: 1                              # of the classes and sizes that are used
min_size: 256                                 # pixels of both sides, or [width, height]
where: width >= 640 and "sky" in classes      # vbdata.recipe.where

A key that the reader has as an option of its own is the reader's, but for `classes`, which is a
filter if it is a mapping; the reader's own goes to `read` in there: `classes: {read: all, ...}`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vbdata.core.filters import ClassRules, Filters, Picked
from vbdata.core.texts import seen
from vbdata.errors import RecipeError, choices
from vbdata.recipe import where
from vbdata.recipe.shown import shown

KEYS = ("only", "without", "classes", "min_area", "min_instances", "min_size", "where")
RULES = ("keep", "drop", "rename", "merge")
READ = "read"  # below `classes`: the reader's option of that name
MOST_PIXELS = 10**9  # of an area or a side: more than any picture has
LONGEST_NAME = 100  # characters of a class

Split = tuple[dict[str, Any], dict[str, Any]]


def split(source: Mapping[str, Any], options: Mapping[str, Any]) -> Split:
    """(options, filters) of a source's keys. options: those that its reader has, by name."""
    given = {str(key): value for key, value in source.items()}
    filters = {key: given.pop(key) for key in KEYS if key in given and key not in options}
    if "classes" in options and isinstance(given.get("classes"), dict):
        rules = dict(given.pop("classes"))
        if READ in rules:
            given["classes"] = rules.pop(READ)
        filters["classes"] = rules
    return given, filters


def filter_faults(filters: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a source's filters, as far as no data and no list file is needed."""
    for key in ("only", "without"):
        if key in filters:
            yield from (f"{key}: {fault}" for fault in _picked_faults(filters[key]))
    if "classes" in filters:
        yield from (f"classes{fault}" for fault in _class_faults(filters["classes"]))
    for key in ("min_area", "min_instances"):
        if key in filters and not _count(filters[key]):
            yield f"{key}: should be a whole number from 1, got {shown(filters[key])}"
    if "min_size" in filters and _size(filters["min_size"]) is None:
        yield (
            "min_size: should be the pixels of both sides or [width, height], got "
            f"{shown(filters['min_size'])}"
        )
    if "where" in filters:
        text = filters["where"]
        fault = where.fault(text) if isinstance(text, str) else f"should be a text: {shown(text)}"
        if fault:
            yield f"where: {fault}"


def filters_of(name: str, filters: Mapping[str, Any], folder: Path) -> Filters:
    """Checked filters of a source, by its name. folder: where paths of list files begin.

    Raises RecipeError for a list file that cannot be read or names nothing.
    """
    rules = filters.get("classes", {})
    picked = {
        key: _picked(f"sources.{name}.{key}", filters[key], folder)
        for key in ("only", "without")
        if key in filters
    }
    return Filters(
        only=picked.get("only"),
        without=picked.get("without"),
        classes=ClassRules(
            keep=tuple(sorted(set(_texts(rules.get("keep", []))))),
            drop=tuple(sorted(set(_texts(rules.get("drop", []))))),
            rename=dict(sorted(rules.get("rename", {}).items())),
            merge={n: tuple(sorted(_texts(o))) for n, o in sorted(rules.get("merge", {}).items())},
        ),
        min_area=filters.get("min_area", 0),
        min_instances=filters.get("min_instances", 0),
        min_size=_size(filters.get("min_size", 0)) or (0, 0),
        where=filters.get("where", "").strip(),
    )


def canonical(filters: Filters) -> dict[str, Any]:
    """What of a source's filters decides what is built, as JSON values; no paths."""
    rules = filters.classes
    named = {
        "keep": list(rules.keep),
        "drop": list(rules.drop),
        "rename": dict(rules.rename),
        "merge": {new: list(olds) for new, olds in rules.merge.items()},
    }
    values = {
        "only": _canonical(filters.only),
        "without": _canonical(filters.without),
        "classes": {key: value for key, value in named.items() if value},
        "min_area": filters.min_area,
        "min_instances": filters.min_instances,
        "min_size": list(filters.min_size) if any(filters.min_size) else None,
        "where": filters.where,
    }
    return {key: value for key, value in values.items() if value}


def _canonical(picked: Picked | None) -> list[Any]:
    """Patterns, then of each list file how many lines it has and their digest."""
    if picked is None:
        return []
    digests = {
        hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest(): len(lines)
        for lines in picked.files.values()
    }
    files = [{"lines": count, "sha256": digest} for digest, count in sorted(digests.items())]
    return [*picked.patterns, *files]


def _picked_faults(value: Any) -> Iterator[str]:
    items = value if isinstance(value, list) else [value]
    if not items:
        yield "should be an id, a glob, {file: PATH} or a list of them, got an empty list"
    for item in items:
        if isinstance(item, dict):
            path = item.get("file")
            if [*item] != ["file"] or not isinstance(path, str) or not path or "://" in path:
                yield f"should be {{file: PATH}} of a file on this machine, got {shown(item)}"
        elif isinstance(item, bool) or not isinstance(item, str | int) or item == "":
            yield f"should be an id, a glob or {{file: PATH}}, got {shown(item)}"


def _picked(key: str, value: Any, folder: Path) -> Picked:
    items = value if isinstance(value, list) else [value]
    paths = [item["file"] for item in items if isinstance(item, dict)]
    return Picked(
        patterns=tuple(sorted({str(item) for item in items if not isinstance(item, dict)})),
        files={path: _lines(key, folder / Path(path).expanduser()) for path in paths},
    )


def _lines(key: str, path: Path) -> frozenset[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as err:  # ValueError: not UTF-8, or a NUL in the path
        raise RecipeError([f"{key}: {path} cannot be read: {err}"]) from err
    lines = frozenset(line.partition("#")[0].strip() for line in text.splitlines()) - {""}
    if not lines:
        raise RecipeError([f"{key}: {path} names nothing"])
    return lines


def _class_faults(value: Any) -> Iterator[str]:
    """Faults of `classes`, each beginning with the key below it."""
    if not isinstance(value, dict):
        yield f": should be a mapping of {', '.join(RULES)}, got {shown(value)}"
        return
    for key, given in value.items():
        if key not in RULES:
            yield f".{key}: unknown key{choices(key, RULES)}"
        elif key in ("keep", "drop") and not _named(given):
            yield f".{key}: should be a class or a list of classes, got {shown(given)}"
        elif key in ("rename", "merge") and not isinstance(given, dict):
            yield f".{key}: should be a mapping of classes, got {shown(given)}"
    for key in ("rename", "merge"):
        pairs = value.get(key)
        yield from _pair_faults(key, pairs) if isinstance(pairs, dict) else ()
    if not all(key in RULES for key in value):
        return
    try:
        yield from _clashes(value)
    except (TypeError, AttributeError):  # of another type, which is told already
        return


def _pair_faults(key: str, pairs: Mapping[Any, Any]) -> Iterator[str]:
    for left, right in pairs.items():
        new, olds = (right, [left]) if key == "rename" else (left, right)
        if not isinstance(new, str) or new != seen(new) or not 0 < len(new) <= LONGEST_NAME:
            yield (
                f".{key}: a class has a name of 1 to {LONGEST_NAME} plain characters, got "
                f"{shown(new)}"
            )
        if not _named(olds):
            yield f".{key}.{shown(left)}: should be classes of the data, got {shown(olds)}"


def _clashes(value: Mapping[str, Any]) -> Iterator[str]:
    """Rules that contradict one another."""
    keep, drop = (set(_texts(value.get(key, []))) for key in ("keep", "drop"))
    for name in sorted(keep & drop):
        yield f".drop: {name!r} stands in keep, too"
    used: dict[str, str] = {}
    renamed: dict[str, str] = {}
    for old, new in value.get("rename", {}).items():
        used[old] = "rename"
        if new in renamed:
            yield f".rename: {renamed[new]!r} and {old!r} would both be {new!r}: use merge"
        renamed[new] = old
    for new, olds in value.get("merge", {}).items():
        if new in renamed:
            yield f".merge: {new!r} is what {renamed[new]!r} is renamed to: put both into merge"
        for old in _texts(olds):
            if old in used:
                yield f".merge.{new}: {old!r} stands in {used[old]}, too"
            used[old] = f"merge.{new}"


def _named(value: Any) -> bool:
    """Whether a value is a class or a list of some."""
    listed = value if isinstance(value, list) else [value]
    return bool(listed) and all(isinstance(name, str) and name for name in listed)


def _texts(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _count(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 1 <= value <= MOST_PIXELS


def _size(value: Any) -> tuple[int, int] | None:
    """(width, height) of `min_size`, None if it is neither a number nor a pair of them."""
    pair = value if isinstance(value, list) else [value, value]
    return (pair[0], pair[1]) if len(pair) == 2 and all(map(_count, pair)) else None
