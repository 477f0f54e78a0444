"""Compares a build with a lock: its inputs before an image is read, its bytes when it is finished.

A difference in what the lock promises (recipe, sources, plan; then shards and rows) fails the
build, with a sentence each. Digests of code and versions of libraries promise nothing: they are
named as the likely cause of other bytes, and are a warning if the bytes are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vbdata import plugins
from vbdata.core.prompts import prompt_digest
from vbdata.engine.progress import Progress, Watcher
from vbdata.errors import LockError
from vbdata.index.index import Index
from vbdata.layout import INDEX
from vbdata.locks.changes import (
    SourceChange,
    code_changes,
    environment_changes,
    files_of,
    holdout_changes,
    recipe_changes,
    sentences,
    shown,
    source_changes,
)
from vbdata.locks.lock import FORMAT, Lock, LockedCell
from vbdata.locks.make import code_part, held_part, make_lock, plan_sha256, source_part
from vbdata.locks.outputs import output_differences
from vbdata.locks.sketch import Sketch
from vbdata.machine.environment import environment
from vbdata.planning.file import write_plan
from vbdata.planning.plan import Plan
from vbdata.storage.folder import Folder


class LockCheck(Watcher):
    """Watches a build, passes its progress on to `inner`, and stops it if a lock says otherwise.

    say: called with each difference in code or libraries, which need not change a byte.
    """

    def __init__(
        self, lock: Lock, name: str, out: Folder, inner: Watcher, say: Callable[[str], None]
    ) -> None:
        self._lock, self._name, self._out, self._inner, self._say = lock, name, out, inner, say
        self.causes: list[str] = []

    def planned(self, plan: Plan) -> None:
        """Compare recipe, sources and plan. Raises LockError if one is not the lock's."""
        new = planned_lock(plan, self._out)
        faults = list(input_differences(self._lock, new, plan.indices))
        self.causes = likely_causes(self._lock, new)
        if faults:
            raise LockError(self._name, faults, self.causes, built=False)
        for cause in self.causes:
            self._say(f"{cause}; whether the bytes are the same will be seen")
        self._inner.planned(plan)

    def step(self, state: Progress) -> None:
        """Pass the progress of the build on."""
        self._inner.step(state)

    def finish(self) -> None:
        """Compare the shards and rows of the finished build. Raises LockError if they differ."""
        faults = list(output_differences(self._lock, make_lock(self._out), self._out))
        if faults:
            raise LockError(self._name, faults, self.causes, built=True)


def planned_lock(plan: Plan, out: Folder) -> Lock:
    """The lock of a build that is only planned: it says nothing of shards and rows."""
    with TemporaryDirectory(prefix="vbdata-") as temporary:
        path = Path(temporary) / "plan.parquet"
        write_plan(plan, path)
        planned = plan_sha256(path)
    folder = Path(out.full_path(INDEX)) if out.local else None
    tasks = sorted({cell.task for cell in plan.cells})
    code = {
        "engine": plugins.engine_digest(),
        "prompts": prompt_digest(),
        "tasks": {task: plugins.code_digest(plugins.TASKS, task) for task in tasks},
    }
    recipe, none = plan.recipe, Sketch().digests()
    return Lock(
        format=FORMAT,
        name=recipe.name,
        split=recipe.split,
        recipe=recipe.canonical(),
        recipe_sha256=recipe.digest(),
        holdout=[held_part(line) for line in plan.held.lines()],
        sources=[source_part(_line(i), i, folder) for i in plan.indices.values()],
        plan_sha256=planned,
        code=code_part(code),
        samples=recipe.samples,
        bytes=0,
        cells=[LockedCell(source=c.source, task=c.task, samples=c.count) for c in plan.cells],
        rows={},
        raw=none,
        quarantine=none,
        shards=[],
        environment=environment(),
    )


def _line(index: Index) -> dict[str, Any]:
    """What the manifest will say of a source, as far as a lock has it."""
    dataset = index.source.dataset
    return {
        "source": index.source.name,
        "dataset": dataset,
        "license": plugins.dataset(dataset).LICENSE,
        "entries": len(index),
        "faults": len(index.faults()),
        "fingerprint": index.fingerprint,
        "code": plugins.code_digest(plugins.DATASETS, dataset),
    }


def input_differences(old: Lock, new: Lock, indices: Mapping[str, Index]) -> Iterator[str]:
    """A sentence for each difference in recipe, sources, held-out sets or plan.

    indices: of the new sources, by name, to name the raw files of records that differ.
    """
    for change in recipe_changes(old, new):
        yield f"the recipe's {change.key} is {shown(change.new)}, in the lock {shown(change.old)}"
    for changed in source_changes(old, new):
        yield from _source_differences(changed, indices[changed.source])
    for change in holdout_changes(old, new):
        yield f"held-out set {change.key!r} has {change.new}, in the lock {change.old}"
    same = old.recipe == new.recipe and not any(map(_is_other, source_changes(old, new)))
    if same and old.plan_sha256 and old.plan_sha256 != new.plan_sha256:
        yield "the plan is another, although recipe and sources are the same: the code that plans"


def _is_other(changed: SourceChange) -> bool:
    return any(value.key == "fingerprint" for value in changed.values)


def _source_differences(changed: SourceChange, index: Index) -> Iterator[str]:
    """A sentence for each file and record of a source that is not the lock's."""
    if not _is_other(changed):
        return
    where, files, records = f"source {changed.source!r}", changed.files, changed.records
    yield from sentences(where, "file", "is not the file of the lock", files.changed)
    yield from sentences(where, "file", "is not in the lock", files.came)
    yield from sentences(where, "file", "of the lock is not there", files.went)
    named = [f"{name!r}{files_of(index, name)}" for name in records.changed]
    yield from sentences(where, "record", "is not as it is in the lock", named)
    named = [f"{name!r}{files_of(index, name)}" for name in records.came]
    yield from sentences(where, "record", "is not in the lock", named)
    yield from sentences(where, "record", "of the lock is not there", map(repr, records.went))
    counts = [value.old for value in changed.values if value.key == "entries"]
    if counts:
        yield f"{where}: it has {len(index)} records, in the lock {counts[0]}"
    if not records.whole or not any((records.changed, records.came, records.went)):
        yield f"{where}: its index is another, and too many records differ to name all"


def likely_causes(old: Lock, new: Lock) -> list[str]:
    """A sentence for each library and each part of the code that differs, libraries first."""
    libraries = [
        f"{c.key} is {shown(c.new)}, in the lock {shown(c.old)}"
        for c in environment_changes(old, new)
    ]
    keys = [change.key for change in code_changes(old, new)]
    for whole, part in (
        ("the engine", "engine file"),
        ("prompts as a whole", "prompts of"),
    ):
        if any(key.startswith(part) for key in keys):
            keys = [key for key in keys if key != whole]
    prompts = [key for key in keys if key.startswith("prompts")]
    code = [f"the code of {key} is not the lock's" for key in keys if key not in prompts]
    return [*libraries, *code, *(f"the {key} are not the lock's" for key in prompts)]
