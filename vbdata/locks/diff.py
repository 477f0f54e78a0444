"""What changed between two builds, two locks, or one of each.

Everything but single samples is compared by the two locks (that of a build is made for it). Single
samples are compared only between builds: two samples are the same if source, task, record and pass
are, and moved if their keys differ. What changed in a sample is read from the manifests' rows, a
column at a time, and on request from the members of all shards that are not in both builds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from vbdata.locks import changes as lock_compare
from vbdata.locks.changes import Change, SourceChange
from vbdata.locks.diff_rows import Kind, compare_rows
from vbdata.locks.lock import Lock, read_lock
from vbdata.locks.make import make_lock
from vbdata.storage.folder import Folder


@dataclass(frozen=True)
class Diff:
    """All differences between a and b; each part is empty if nothing in it differs.

    counts: samples of each cell and of all, and bytes; rows: names of columns that differ; samples:
    kind of difference -> how many, None if a or b is a lock; shards: how many a has, b has, and
    both have, by SHA-256 whatever their names; differing: numbers of b's shards that a has not.
    """

    a: str
    b: str
    recipe: list[Change]
    sources: list[SourceChange]
    holdout: list[Change]
    code: list[Change]
    environment: list[Change]
    counts: list[Change]
    rows: list[str]
    samples: dict[str, Kind] | None
    shards: tuple[int, int, int]
    differing: list[int]

    @property
    def same(self) -> bool:
        """Whether nothing differs except, perhaps, versions of libraries."""
        parts = (self.recipe, self.sources, self.holdout, self.code, self.counts, self.rows)
        samples = sum(kind.count for kind in (self.samples or {}).values())
        return not any(parts) and not samples and len(set(self.shards)) == 1


def compare(a: str, b: str, *, limit: int = 5, members: bool = False) -> Diff:
    """Compare two builds or locks, each a build's folder or URL, or a lock file (.json).

    limit: how many examples of each kind of difference; members: whether to read the shards that
    differ, too. Raises RecipeError for a damaged lock, BuildError for what is no finished build.
    """
    old, new = _lock(a), _lock(b)
    rows = [n for n in {**old.rows, **new.rows} if old.rows.get(n) != new.rows.get(n)]
    samples = None
    if not _is_lock(a) and not _is_lock(b):
        samples = compare_rows(Folder(a), Folder(b), rows, limit, members)
    return Diff(
        a=a,
        b=b,
        recipe=lock_compare.recipe_changes(old, new),
        sources=lock_compare.source_changes(old, new),
        holdout=lock_compare.holdout_changes(old, new),
        code=lock_compare.code_changes(old, new),
        environment=lock_compare.environment_changes(old, new),
        counts=_counts(old, new),
        rows=rows,
        samples=samples,
        shards=_shards(old, new),
        differing=_differing(old, new),
    )


def _is_lock(place: str) -> bool:
    return place.endswith(".json")


def _lock(place: str) -> Lock:
    return read_lock(place) if _is_lock(place) else make_lock(Folder(place))


def _counts(old: Lock, new: Lock) -> list[Change]:
    before, after = (
        {f"{cell.source} / {cell.task}": cell.samples for cell in lock.cells}
        | {"samples": lock.samples, "bytes": lock.bytes}
        for lock in (old, new)
    )
    return list(lock_compare.changes(before, after))


def _shards(old: Lock, new: Lock) -> tuple[int, int, int]:
    first, second = (Counter(shard.sha256 for shard in lock.shards) for lock in (old, new))
    return first.total(), second.total(), (first & second).total()


def _differing(old: Lock, new: Lock) -> list[int]:
    in_old = {shard.sha256 for shard in old.shards}
    return [number for number, shard in enumerate(new.shards) if shard.sha256 not in in_old]
