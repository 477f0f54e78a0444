"""What differs between two locks, or between a lock and a plan, part by part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow.compute as pc

from vbdata.index.index import Index
from vbdata.locks import sketch
from vbdata.locks.lock import Lock, LockedSource
from vbdata.locks.sketch import Differing, Digests

NO_DIFFERENCE = Differing([], [], [], True)
SHOWN = 10  # things of a kind that are named; the rest are counted
LONGEST = 80  # characters of a value that are shown


class Change(NamedTuple):
    """A value that differs, by its dotted key; None on the side that does not have it."""

    key: str
    old: Any
    new: Any


class SourceChange(NamedTuple):
    """What differs in a source that both have.

    values: of its line in the lock; records: by id; files: those that its index was made from.
    """

    source: str
    values: list[Change]
    records: Differing
    files: Differing


def recipe_changes(old: Lock, new: Lock) -> list[Change]:
    """What differs in the recipes, by dotted keys; or, if nothing else does, the order of cells."""
    different = list(changes(old.recipe, new.recipe))
    # The order of sources and tasks breaks ties of the mixture, so it can change the bytes.
    if not different and old.recipe_sha256 != new.recipe_sha256:
        orders = [[f"{c.source}.{c.task}" for c in each.cells] for each in (old, new)]
        different.append(Change("sources, in order", *(", ".join(order) for order in orders)))
    return different


def changes(old: Any, new: Any, key: str = "") -> Iterator[Change]:
    """The leaves in which two JSON values differ, by their dotted keys below `key`."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for part in [*old, *(part for part in new if part not in old)]:
            below = f"{key}.{part}" if key else str(part)
            yield from changes(old.get(part), new.get(part), below)
    elif old != new:
        yield Change(key, old, new)


def source_changes(old: Lock, new: Lock) -> list[SourceChange]:
    """What differs in each source that both locks have, by its name; none if it is the same."""
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
    """The names whose digests differ; none if one of the two locks has no digests of them."""
    return sketch.compare(old, new) if old is not None and new is not None else NO_DIFFERENCE


def holdout_changes(old: Lock, new: Lock) -> list[Change]:
    """What differs in the held-out sets: how many groups, and the first digits of their digest."""
    before, after = (
        {held.set: f"{held.groups} groups, {held.sha256[:16]}" for held in each.holdout}
        for each in (old, new)
    )
    return list(changes(before, after))


def code_changes(old: Lock, new: Lock) -> list[Change]:
    """What differs in the digests of code, by name, such as "task depth" or "prompts of depth"."""
    named = [_code(each) for each in (old, new)]
    keys = [key for key in named[0] if key in named[1]]
    return [Change(k, named[0][k], named[1][k]) for k in keys if named[0][k] != named[1][k]]


def environment_changes(old: Lock, new: Lock) -> list[Change]:
    """Which libraries have other versions."""
    return list(changes(old.environment, new.environment))


def _code(lock: Lock) -> dict[str, str]:
    """Digests of code by name: of single modules where the lock has them, and of the whole."""
    code = lock.code
    named = {f"reader {s.dataset}": s.code for s in lock.sources}
    named |= {f"task {task}": digest for task, digest in code.tasks.items()}
    named |= {f"prompts of {task}": digest for task, digest in code.templates.items()}
    named |= {f"engine file {name}": digest for name, digest in code.modules.items()}
    return named | {"the engine": code.engine, "prompts as a whole": code.prompts}


def sentences(where: str, noun: str, predicate: str, names: Iterable[str]) -> Iterator[str]:
    """A sentence "where: noun name predicate" for the first ten names, and one for the others."""
    names = list(names)
    for name in names[:SHOWN]:
        yield f"{where}: {noun} {name} {predicate}"
    if len(names) > SHOWN:
        yield f"{where}: {len(names) - SHOWN} more: {noun} {predicate}"


def shown(value: Any) -> str:
    """A value as text of at most 80 characters; "not there" for None."""
    text = "not there" if value is None else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def files_of(index: Index, name: str) -> str:
    """The raw files of a record, by its id, as " [FILE, FILE]"; "" if there are none."""
    row = pc.index(index.facts["id"], name).as_py()
    if row < 0:
        return ""
    files = sorted(index.entries([row])[0].files.items())
    paths = [file.path + (" is not there" if file.size < 0 else "") for _, file in files]
    return f" [{', '.join(paths)}]" if paths else ""
