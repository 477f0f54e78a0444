"""`holdout:` of a recipe: sets that readers name, and files of ids.

holdout:
  - SET                         # its groups are known by name, or found in the data of a source
  - {set: SET, root: ../data}   # found in data that no source reads
  - {file: my_test_ids.txt}     # a group or a sample's id a line; # for comments
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vbdata import plugins
from vbdata.errors import RecipeError, choices

KEYS = ("set", "root", "file")
Known = Mapping[str, tuple[str, frozenset[str] | Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdout:
    """A held-out set. groups: where they are known by name; else dataset, options and roots, whose
    entries' groups they are; or lines, the groups and sample ids of a file.
    """

    name: str
    dataset: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    roots: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()

    def canonical(self) -> dict[str, Any]:
        """What decides which samples stay out, as far as the recipe does; no paths."""
        if not self.lines:
            return {"set": self.name}
        text = "\n".join(sorted(self.lines))
        return {"lines": len(self.lines), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def known_sets(datasets: Iterable[str] = ()) -> Known:
    """All named sets: name -> (dataset, its groups or the index options that select them)."""
    every = dict.fromkeys([*plugins.names(plugins.DATASETS), *datasets])
    return {
        name: (dataset, value)
        for dataset in every
        for name, value in getattr(
            plugins.usable(plugins.DATASETS, dataset), "HOLDOUTS", {}
        ).items()
    }


def holdout_faults(raw: Mapping[str, Any], roots: Collection[str]) -> Iterator[str]:
    """What is wrong with `holdout:`; the rest of the recipe may be wrong, too."""
    listed = raw.get("holdout", [])
    if not isinstance(listed, list):
        yield f"holdout: should be a list of sets and files, got {listed!r:.80}"
        return
    used = _datasets(raw)
    known = known_sets(used) if listed else {}
    seen: set[str] = set()
    for place, item in enumerate(listed):
        key = f"holdout.{place}"
        item = {"set": item} if isinstance(item, str) else item
        if not isinstance(item, dict) or ("set" in item) == ("file" in item):
            yield f"{key}: should be a set's name, {{set: NAME, root: URL}} or {{file: PATH}}"
            continue
        for unknown in item.keys() - set(KEYS):
            yield f"{key}.{unknown}: unknown key{choices(unknown, KEYS)}"
        name = str(item.get("set") or item.get("file"))
        if name in seen:
            yield f"{key}: {name!r} stands twice"
        seen.add(name)
        if "set" in item:
            yield from _set_faults(key, name, item, roots, known, used)


def _set_faults(
    key: str,
    name: str,
    item: Mapping[str, Any],
    roots: Collection[str],
    known: Known,
    used: Iterable[str],
) -> Iterator[str]:
    if name not in known:
        yield f"{key}: unknown set {name!r}{choices(name, known)}"
        return
    dataset, value = known[name]
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
    """The checked items of `holdout:`. given: roots by set; read: roots by data set; place: makes
    roots absolute. Raises RecipeError for a file that cannot be read.
    """
    found, known = [], known_sets(read) if listed else {}
    for item in listed:
        item = {"set": item} if isinstance(item, str) else item
        if "file" in item:
            found.append(Holdout(name=item["file"], lines=_lines(folder / item["file"])))
            continue
        name = item["set"]
        dataset, value = known[name]
        if isinstance(value, frozenset):
            found.append(Holdout(name=name, groups=value))
            continue
        at = given.get(name) or (place(item["root"]) if "root" in item else read[dataset])
        found.append(Holdout(name=name, dataset=dataset, options=value, roots=at))
    return tuple(found)


def _datasets(raw: Mapping[str, Any]) -> list[str]:
    """The data sets that a recipe's sources read, as far as they can be imported."""
    sources = raw.get("sources")
    listed = sources.values() if isinstance(sources, dict) else ()
    named = (source.get("dataset") for source in listed if isinstance(source, dict))
    return [n for n in named if isinstance(n, str) and plugins.usable(plugins.DATASETS, n)]


def _lines(path: Path) -> frozenset[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise RecipeError([f"holdout: {path} cannot be read: {err}"]) from err
    lines = frozenset(line.partition("#")[0].strip() for line in text.splitlines()) - {""}
    if not lines:
        raise RecipeError([f"holdout: {path} names nothing"])
    return lines
