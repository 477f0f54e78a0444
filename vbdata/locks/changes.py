"""What differs between two locks, or between a lock and a plan, part by part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow.compute as pc

from vbdata.index.index import Index
from vbdata.locks import sketch
from vbdata.locks.lock import Lock, LockedSource
from vbdata.locks.sketch import Differing, Digests

NONE = Differing([], [], [], True)
SHOWN = 10  # things of a kind that are named
LONGEST = 80  # characters of a value that are shown


class Change(NamedTuple):
    """One value in the first and in the second; None: it has none."""

    key: str
    old: Any
    new: Any


class SourceChange(NamedTuple):
    """A source that is in both. records: by id; files: those that its index was read from."""

    source: str
    values: list[Change]
    records: Differing
    files: Differing


def recipe_changes(old: Lock, new: Lock) -> list[Change]:
    """Keys of the recipes, dotted; and the order of the cells, which breaks ties."""
    found = list(changes(old.recipe, new.recipe))
    if not found and old.recipe_sha256 != new.recipe_sha256:
        orders = [[f"{c.source}.{c.task}" for c in each.cells] for each in (old, new)]
        found.append(Change("sources, in order", *(", ".join(order) for order in orders)))
    return found


def changes(old: Any, new: Any, key: str = "") -> Iterator[Change]:
    """All leaves in which two JSON values differ, by their dotted keys."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for part in [*old, *(part for part in new if part not in old)]:
            below = f"{key}.{part}" if key else str(part)
            yield from changes(old.get(part), new.get(part), below)
    elif old != new:
        yield Change(key, old, new)


def source_changes(old: Lock, new: Lock) -> list[SourceChange]:
    """Sources that are in both and differ in anything."""
    before = {source.source: source for source in old.sources}
    pairs = [(before[s.source], s) for s in new.sources if s.source in before]
    return [_source_change(a, b) for a, b in pairs if a != b]


def _source_change(old: LockedSource, new: LockedSource) -> SourceChange:
    keys = ("dataset", "license", "entries", "faults", "fingerprint", "code")
    plain = [each.model_dump(include=set(keys)) for each in (old, new)]
    values = [Change(k, plain[0][k], plain[1][k]) for k in keys if plain[0][k] != plain[1][k]]
    return SourceChange(
        old.source, values, differing(old.records, new.records), differing(old.files, new.files)
    )


def differing(old: Digests | None, new: Digests | None) -> Differing:
    """Names that differ, none where one of the two does not say."""
    return sketch.compare(old, new) if old is not None and new is not None else NONE


def holdout_changes(old: Lock, new: Lock) -> list[Change]:
    """Held-out sets with other groups: how many there are, and the digest of all."""
    before, after = (
        {held.set: f"{held.groups} groups, {held.sha256[:16]}" for held in each.holdout}
        for each in (old, new)
    )
    return list(changes(before, after))


def code_changes(old: Lock, new: Lock) -> list[Change]:
    """Digests of code, under names that a person knows."""
    named = [_code(each) for each in (old, new)]
    keys = [key for key in named[0] if key in named[1]]
    return [Change(k, named[0][k], named[1][k]) for k in keys if named[0][k] != named[1][k]]


def environment_changes(old: Lock, new: Lock) -> list[Change]:
    """Libraries of other versions."""
    return list(changes(old.environment, new.environment))


def _code(lock: Lock) -> dict[str, str]:
    """What can be named is named; the engine or the prompts as a whole only where it cannot."""
    code = lock.code
    named = {f"reader {s.dataset}": s.code for s in lock.sources}
    named |= {f"task {task}": digest for task, digest in code.tasks.items()}
    named |= {f"prompts of {task}": digest for task, digest in code.templates.items()}
    named |= {f"engine file {name}": digest for name, digest in code.modules.items()}
    return named | {"the engine": code.engine, "prompts as a whole": code.prompts}


def listed(what: str, noun: str, said: str, names: Iterable[str]) -> Iterator[str]:
    """A sentence for each of some names, and one for all that are too many."""
    names = list(names)
    for name in names[:SHOWN]:
        yield f"{what}: {noun} {name} {said}"
    if len(names) > SHOWN:
        yield f"{what}: {len(names) - SHOWN} more: {noun} {said}"


def shown(value: Any) -> str:
    """A value that may come from a file, cut where it would fill the screen."""
    text = "not there" if value is None else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def files_of(index: Index, name: str) -> str:
    """The raw files of a record, in brackets after a space; "" if it has none or is not known."""
    row = pc.index(index.facts["id"], name).as_py()
    if row < 0:
        return ""
    files = sorted(index.entries([row])[0].files.items())
    said = [file.path + (" is not there" if file.size < 0 else "") for _, file in files]
    return f" [{', '.join(said)}]" if said else ""
