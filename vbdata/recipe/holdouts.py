"""`holdout:` of a recipe: sets that readers name, and files of ids.

holdout:
  - SET                         # its groups are known by name, or are those of a source's data
  - {set: SET, root: ../data}   # its groups are those of data that no source reads
  - {file: my_test_ids.txt}     # a group or a sample's id a line; # begins a comment
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vbdata import plugins
from vbdata.errors import RecipeError, choices
from vbdata.recipe.shown import shown

KEYS = ("set", "root", "file")
NamedSets = Mapping[str, tuple[str, frozenset[str] | Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdout:
    """A held-out set, in one of three forms.

    groups: the groups themselves, where the reader knows them by name; or dataset, options and
    roots: the groups are those of the entries that this reader finds there; or lines: groups and
    sample ids, from a file.
    """

    name: str
    dataset: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    roots: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()

    def canonical(self) -> dict[str, Any]:
        """What of the recipe decides which samples are held out, as JSON values; no paths."""
        if not self.lines:
            return {"set": self.name}
        text = "\n".join(sorted(self.lines))
        return {"lines": len(self.lines), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def known_sets(datasets: Iterable[str] = ()) -> NamedSets:
    """All named sets: name -> (dataset, its groups or the index options that select them).

    datasets: names of readers besides those that come with vbdata.
    """
    every = dict.fromkeys([*plugins.names(plugins.DATASETS), *datasets])
    return {
        name: (dataset, value)
        for dataset in every
        for name, value in getattr(
            plugins.usable(plugins.DATASETS, dataset), "HOLDOUTS", {}
        ).items()
    }


def holdout_faults(raw: Mapping[str, Any], roots: Collection[str]) -> Iterator[str]:
    """Faults of `holdout:`. raw: a recipe as it was read; roots: names of overridden roots."""
    listed = raw.get("holdout", [])
    if not isinstance(listed, list):
        yield f"holdout: should be a list of sets and files, got {shown(listed)}"
        return
    used = _datasets(raw)
    sets = known_sets(used) if listed else {}
    seen: set[str] = set()
    for place, item in enumerate(listed):
        key = f"holdout.{place}"
        item = {"set": item} if isinstance(item, str) else item
        if not isinstance(item, dict) or ("set" in item) == ("file" in item):
            yield f"{key}: should be a set's name, {{set: NAME, root: URL}} or {{file: PATH}}"
            continue
        strange = [f for part, value in item.items() for f in _part_faults(part, value)]
        yield from (f"{key}.{fault}" for fault in strange)
        if strange:
            continue
        name = item.get("set") or item.get("file") or ""
        if name in seen:
            yield f"{key}: {name!r} stands twice"
        seen.add(name)
        if "set" in item:
            yield from _set_faults(key, name, item, roots, sets, used)


def _part_faults(part: Any, value: Any) -> Iterator[str]:
    """Faults of one key of an item, and of what stands there."""
    if part not in KEYS:
        yield f"{part}: unknown key{choices(part, KEYS)}"
    elif part == "root":
        if not isinstance(value, str) and not (
            isinstance(value, list) and value and all(isinstance(v, str) for v in value)
        ):
            yield f"root: should be a text or a list of texts, got {shown(value)}"
    elif not isinstance(value, str) or not value:
        yield f"{part}: should be a text, got {shown(value)}"
    elif part == "file" and "://" in value:
        yield f"file: should be a path on this machine, got {shown(value)}"


def _set_faults(
    key: str,
    name: str,
    item: Mapping[str, Any],
    roots: Collection[str],
    sets: NamedSets,
    used: Iterable[str],
) -> Iterator[str]:
    if name not in sets:
        yield f"{key}: unknown set {name!r}{choices(name, sets)}"
        return
    dataset, value = sets[name]
    if not isinstance(value, frozenset) and not (
        "root" in item or name in roots or dataset in used
    ):
        yield (
            f"{key}: {name} is found in the data of {dataset!r}, which no source reads; give "
            f"{{set: {name}, root: URL}} or --root {name}=URL"
        )


def holdouts(
    listed: list[Any],
    folder: Path,
    given: Mapping[str, tuple[str, ...]],
    read: Mapping[str, tuple[str, ...]],
    place: Callable[[Any], tuple[str, ...]],
) -> tuple[Holdout, ...]:
    """The held-out sets of checked items.

    folder: where paths of files begin; given: overridden roots, by set; read: roots of the recipe's
    sources, by dataset; place: makes the `root` of an item absolute. Raises RecipeError for a file
    that cannot be read or names nothing.
    """
    resolved, sets = [], known_sets(read) if listed else {}
    for item in listed:
        item = {"set": item} if isinstance(item, str) else item
        if "file" in item:
            resolved.append(Holdout(name=item["file"], lines=_lines(folder / item["file"])))
            continue
        name = item["set"]
        dataset, value = sets[name]
        if isinstance(value, frozenset):
            resolved.append(Holdout(name=name, groups=value))
            continue
        roots = given.get(name) or (place(item["root"]) if "root" in item else read[dataset])
        resolved.append(Holdout(name=name, dataset=dataset, options=value, roots=roots))
    return tuple(resolved)


def _datasets(raw: Mapping[str, Any]) -> list[str]:
    """The datasets that a recipe's sources name, as far as they can be imported."""
    sources = raw.get("sources")
    listed = sources.values() if isinstance(sources, dict) else ()
    named = (source.get("dataset") for source in listed if isinstance(source, dict))
    return [n for n in named if isinstance(n, str) and plugins.usable(plugins.DATASETS, n)]


def _lines(path: Path) -> frozenset[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as err:  # ValueError: not UTF-8, or a NUL in the path
        raise RecipeError([f"holdout: {path} cannot be read: {err}"]) from err
    lines = frozenset(line.partition("#")[0].strip() for line in text.splitlines()) - {""}
    if not lines:
        raise RecipeError([f"holdout: {path} names nothing"])
    return lines
