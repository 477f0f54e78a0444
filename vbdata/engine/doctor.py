"""`vbdata doctor`: examine the raw data of a recipe before a long build, and write nothing.

For each source: whether its root is there, which official downloads are not, how many records the
index has of the official total, which of them are faulty or lack files, and what its reader itself
finds odd in a few of them. Then whether there can be a plan. Last, a few records of each cell are
read, rendered and decoded again, as a build would do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from vbdata import plugins
from vbdata.core.types import Download, Entry, Official, Source
from vbdata.engine import looks
from vbdata.engine.looks import DepthSeen
from vbdata.errors import BadSample, RecipeError, SourceError
from vbdata.index.facts import entry_digest
from vbdata.index.index import Index, build_index, dataset_root
from vbdata.jobs.job import Job, Row
from vbdata.jobs.specs import make_job
from vbdata.machine.process import one_thread
from vbdata.manifest.tally import mixture_warnings
from vbdata.planning.filters import filtered, said
from vbdata.planning.mixture import draw
from vbdata.planning.plan import Plan, PlannedCell, make_plan
from vbdata.planning.warnings import losses
from vbdata.recipe.recipe import Recipe
from vbdata.shard.sample import Labelled, load_row, make_sample
from vbdata.sources.open import open_root

SHOWN = 3  # examples of each kind of fault
LOOKED = 300  # records of a source whose pictures' first bytes are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the examination.

    level: "fail" if the recipe cannot be built; remedies: what to do about it, or examples.
    """

    source: str
    level: Literal["ok", "warn", "fail"]
    text: str
    remedies: tuple[str, ...] = ()


def examine(recipe: Recipe, samples: int) -> Iterator[Finding]:
    """Examine the data of a recipe, finding by finding, the sources first.

    samples: records of each cell that are read as a trial. Faults of the data are findings, never
    raised.
    """
    one_thread()
    with TemporaryDirectory(prefix="vbdata-") as temporary:
        indices: list[Index] = []
        for source in recipe.sources:
            yield from _downloads(source)
            try:
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
        for cell in plan.cells:
            yield from _trial(plan, cell, samples)


def official(source: Source) -> Official:
    """What a source's official release holds; nothing for a reader of the user's own data."""
    module = plugins.dataset(source.dataset)
    if not hasattr(module, "official"):
        return Official(entries=None, downloads=())
    release: Official = module.official(**source.options)
    return release


def _downloads(source: Source) -> Iterator[Finding]:
    """Which parts of the official release are not below the root, and where to download them."""
    try:
        wanted = official(source).downloads
        mount = plugins.mounts(source.dataset)
        with dataset_root(f"source {source.name!r}", source.roots, mount) as root:
            absent = [d for d in wanted if not any(map(root.exists, (d.path, *d.also)))]
    except SourceError as err:
        urls = [_where(d) for d in _wanted(source)]
        yield Finding(source=source.name, level="fail", text=str(err), remedies=tuple(urls))
        return
    if absent:
        text = f"not below the root: {', '.join(d.path for d in absent)}"
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
        level: Literal["ok", "warn"] = "warn" if line["unmatched"] else "ok"
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


def _trial(plan: Plan, cell: PlannedCell, samples: int) -> Iterator[Finding]:
    """Read, render and decode again some records of a cell, chosen by the recipe's seed."""
    words = plan.indices[cell.source].words[cell.rows]
    count = min(samples, len(cell.rows))
    which, _ = draw(words, count, plan.recipe.seed, "doctor", cell.source, cell.task)
    entries = plan.indices[cell.source].entries(np.sort(cell.rows[which]))
    job = make_job(plan, 0, "", "")
    source = plan.indices[cell.source].source
    job = _with(job, source, plan)
    root = open_root(source.roots, mount=plugins.mounts(source.dataset))
    faults: list[str] = []
    reasons: Counter[str] = Counter()
    depth = DepthSeen()
    for entry in entries:
        row = Row(
            slot=0,
            source=cell.source,
            task=cell.task,
            pass_=0,
            entry=entry,
            digest=entry_digest(entry),
        )
        try:
            loaded = load_row(row, job, root)
            if isinstance(loaded, Labelled):
                depth.add(loaded.label)
            make_sample(row, loaded, job, "cpu")
        except BadSample as bad:
            reasons[bad.reason] += 1
            faults.append(f"{entry.id}: {bad}")
    text = f"{cell.task}: {len(cell.rows):,} records can serve for {cell.count:,} samples; "
    text += f"{len(entries) - len(faults)} of {len(entries)} read as a trial are good"
    if reasons:
        text += f" ({', '.join(f'{n} {reason}' for reason, n in reasons.most_common())})"
    level: Literal["ok", "warn", "fail"] = "ok"
    if faults:
        level = "fail" if len(faults) == len(entries) else "warn"
    yield Finding(source=cell.source, level=level, text=text, remedies=tuple(faults[:SHOWN]))
    if said := depth.text():
        yield Finding(source=cell.source, level="ok", text=f"{cell.task}: {said}")


def _with(job: Job, source: Source, plan: Plan) -> Job:
    """A job that knows this source, even if no row of its own is from there."""
    from dataclasses import replace

    datasets: dict[str, Any] = {**job.datasets, source.name: source.dataset}
    vocabulary = {**job.vocabulary, source.name: plan.indices[source.name].vocabulary}
    return replace(job, datasets=datasets, vocabulary=vocabulary)
