"""`vbdata doctor`: examine the raw data of a recipe before a long build, and write nothing.

For each source: whether its root is there, which official downloads are not, how many records the
index has of the official total, which of them are faulty or lack files, and what its reader itself
finds odd in a few of them. Then whether there can be a plan. Last, a few records of each cell are
read, rendered and decoded again, as a build would do; their times say how long that would take.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from vbdata import plugins
from vbdata.core.types import Download, Entry, Source
from vbdata.engine import looks
from vbdata.engine.estimate import estimated
from vbdata.engine.places import official, source_faults
from vbdata.engine.trial import Trial, Trials
from vbdata.errors import RecipeError, SourceError
from vbdata.index.index import Index, build_index, dataset_root
from vbdata.machine.process import one_thread
from vbdata.manifest.tally import mixture_warnings
from vbdata.planning.filters import filtered, said
from vbdata.planning.make import make_plan
from vbdata.planning.mixture import draw
from vbdata.planning.plan import Plan
from vbdata.planning.warnings import losses
from vbdata.recipe.recipe import Recipe

Level = Literal["ok", "warn", "fail"]
SHOWN = 3  # examples of each kind of fault
DIGITS = re.compile(r"\d+")
LOOKED = 300  # records of a source whose pictures' first bytes are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the examination.

    level: "fail" if the recipe cannot be built; remedies: what to do about it, or examples; recipe:
    whether it is not the data that has to be changed but a root or an option; numbers: of the
    estimate (vbdata.engine.estimate), {} of other findings.
    """

    source: str
    level: Level
    text: str
    remedies: tuple[str, ...] = ()
    recipe: bool = False
    numbers: Mapping[str, Any] = field(default_factory=dict)


def examine(recipe: Recipe, samples: int, workers: int = 1) -> Iterator[Finding]:
    """Examine the data of a recipe, finding by finding, the sources first.

    samples: records of each cell that are read as a trial; workers: for which the time of a build
    is estimated. Faults of the data are findings, never raised.
    """
    one_thread()
    with TemporaryDirectory(prefix="vbdata-") as temporary:
        indices: list[Index] = []
        for source in recipe.sources:
            if wrong := _places(source):
                yield from wrong
                continue
            try:
                yield from _downloads(source)
                index = build_index(source, Path(temporary))
                filtered(index)  # what is wrong with a filter is told here
            except (SourceError, RecipeError) as err:
                yield Finding(source=source.name, level="fail", text=str(err))
                continue
            indices.append(index)
            yield from _counts(index)
            yield from _turned(index, samples, recipe.seed)
            yield from _doubts(index, samples, recipe.seed)
        if len(indices) < len(recipe.sources):
            return
        try:
            plan = make_plan(recipe, indices)
        except (RecipeError, SourceError) as err:
            for line in str(err).splitlines():
                yield Finding(source="recipe", level="fail", text=line)
            return
        yield from _exclusions(plan)
        for text in mixture_warnings(plan):
            yield Finding(source="recipe", level="warn", text=text)
        trials, made = Trials(plan), list[Trial]()
        for cell in plan.cells:
            made.append(trials.of(cell, samples))
            yield from _tried(plan, made[-1])
        if samples:
            yield _estimate(plan, made, workers)


def _places(source: Source) -> list[Finding]:
    """Roots that are not there, with what to download, and options that the reader refuses."""
    remedies = tuple(_where(d) for d in _wanted(source))
    return [
        Finding(
            source=source.name,
            level="fail",
            text=fault.removeprefix(f"sources.{source.name}."),
            remedies=remedies if ".root: " in fault else (),
            recipe=True,
        )
        for fault in source_faults(source)
    ]


def _downloads(source: Source) -> Iterator[Finding]:
    """Which parts of the official release are not below the root, and where to download them."""
    wanted = official(source).downloads
    mount = plugins.mounts(source.dataset)
    with dataset_root(f"source {source.name!r}", source.roots, mount) as root:
        absent = [d for d in wanted if not any(map(root.exists, (d.path, *d.also)))]
    if absent:
        text = f"not below the root: {_summed([d.path for d in absent])}"
        if len(absent) < len(wanted):
            text += f"; the other {len(wanted) - len(absent)} parts of the release are there"
        remedies = tuple(_where(d) for d in absent)
        yield Finding(source=source.name, level="warn", text=text, remedies=remedies)
    elif wanted:
        text = f"all {len(wanted)} parts of the official release that it reads are there"
        yield Finding(source=source.name, level="ok", text=text)


def _wanted(source: Source) -> Sequence[Download]:
    try:
        return official(source).downloads
    except SourceError:  # a wrong option, which is what the caller reports
        return ()


def _summed(paths: Sequence[str]) -> str:
    """Paths as a list, many alike as their number and the first: "137 such as drive_0001"."""
    alike: dict[str, list[str]] = {}
    for path in paths:
        alike.setdefault(DIGITS.sub("#", path), []).append(path)
    many = (
        ", ".join(same) if len(same) <= SHOWN else f"{len(same)} such as {same[0]}"
        for same in alike.values()
    )
    return ", ".join(many)


def _where(download: Download) -> str:
    name = f" ({download.archive})" if download.archive else ""
    return f"{download.path}{name}: {download.url}"


def _counts(index: Index) -> Iterator[Finding]:
    """How many records there are, how many are faulty, which files and annotations are lost."""
    name, total = index.source.name, official(index.source).entries
    text, level = f"{len(index):,} records", "ok"
    if total is not None:
        text += f" of {total:,} in the official release ({len(index) / total:.2%})"
        level = "ok" if len(index) == total else "warn"
    yield Finding(source=name, level="warn" if level == "warn" else "ok", text=text)
    faults: dict[str, list[str]] = {}
    for entry in index.faults():
        faults.setdefault(entry.fault.partition(": ")[0], []).append(f"{entry.id}: {entry.fault}")
    for reason, lines in sorted(faults.items()):
        text = f"{len(lines):,} records are faulty: {reason}"
        yield Finding(source=name, level="warn", text=text, remedies=tuple(lines[:SHOWN]))
    for text in losses(index):
        yield Finding(source=name, level="warn", text=text)


def _turned(index: Index, samples: int, seed: int) -> Iterator[Finding]:
    """How many of a source's pictures are turned by an EXIF orientation, if any of some are."""
    source = index.source
    entries = some_entries(index, LOOKED if samples else 0, seed)
    mount = plugins.mounts(source.dataset)
    with dataset_root(f"source {source.name!r}", source.roots, mount) as root:
        looked, counts = looks.turned(root, source.dataset, entries)
    if counts:
        each = ", ".join(f"{count} of orientation {n}" for n, count in sorted(counts.items()))
        text = (
            f"{counts.total():,} of {looked:,} pictures looked at are turned by their EXIF "
            f"orientation: {each}"
        )
        remedy = "the option exif, where the reader has one, says how they stand: stored or shown"
        yield Finding(source=source.name, level="warn", text=text, remedies=(remedy,))


def _doubts(index: Index, samples: int, seed: int) -> Iterator[Finding]:
    """What the source's reader finds odd in a few records, if it looks for that (`doubts`)."""
    source, reader = index.source, plugins.dataset(index.source.dataset)
    if not samples or not hasattr(reader, "doubts"):
        return
    entries = some_entries(index, samples, seed)
    with dataset_root(
        f"source {source.name!r}", source.roots, plugins.mounts(source.dataset)
    ) as root:
        for level, text, remedies in reader.doubts(root, entries):
            yield Finding(source=source.name, level=level, text=text, remedies=remedies)


def some_entries(index: Index, count: int, seed: int) -> list[Entry]:
    """Some records of a source without a fault, chosen by a recipe's seed, in their order.

    Those that its filters bar are none of them. Raises RecipeError for filters that name no record.
    """
    sound = index.facts["fault"].to_numpy(zero_copy_only=False) == ""
    for mask in filtered(index).values():
        sound = sound & ~mask
    good = np.flatnonzero(sound)
    count = min(count, len(good))
    which, _ = draw(index.words[good], count, seed, "doctor", index.source.name, "")
    return index.entries(np.sort(good[which]))


def _exclusions(plan: Plan) -> Iterator[Finding]:
    """What is held out, and how many records that and the licence policy exclude."""
    for line in plan.held.lines():
        text = f"{line['set']}: {line['groups']:,} groups are held out"
        level: Level = "warn" if line["unmatched"] else "ok"
        if line["unmatched"]:
            text += f", {line['unmatched']:,} lines match no source"
        yield Finding(source="recipe", level=level, text=text)
    for name, causes in plan.barred.items():
        for cause, count in causes.items():
            if count:
                total = len(plan.indices[name])
                text = f"{count:,} of {total:,} records are barred by {cause}"
                yield Finding(source=name, level="ok", text=text)
    for name, index in plan.indices.items():
        for text in said(index):
            yield Finding(source=name, level="ok", text=f"by its filters: {text}")


def _tried(plan: Plan, trial: Trial) -> Iterator[Finding]:
    """What came of the records of a cell that were read, rendered and decoded again."""
    cell = next(c for c in plan.cells if (c.source, c.task) == (trial.source, trial.task))
    bad = len(trial.faults)
    text = f"{cell.task}: {len(cell.rows):,} records can serve for {cell.count:,} samples; "
    text += f"{trial.tried - bad} of {trial.tried} read as a trial are good"
    if trial.reasons:
        text += f" ({', '.join(f'{n} {reason}' for reason, n in trial.reasons.most_common())})"
    level: Level = "fail" if bad and bad == trial.tried else "warn" if bad else "ok"
    yield Finding(source=cell.source, level=level, text=text, remedies=trial.faults[:SHOWN])
    if trial.depth:
        yield Finding(source=cell.source, level="ok", text=f"{cell.task}: {trial.depth}")


def _estimate(plan: Plan, trials: Sequence[Trial], workers: int) -> Finding:
    made = estimated(plan, trials, workers)
    level: Level = "warn" if made.untimed else "ok"
    return Finding(source="recipe", level=level, text=made.text(), numbers=made.as_json())
