"""`vbdata verify`: says what is wrong with a finished build, from nothing but its files.

Every fault is one line. What is checked, from the outside in:

    files       SHA256SUMS: files missing, extra or changed; links out of the folder
    manifest    manifest.json against its digest, its own parts, its recipe and the sums
    readers     what other libraries read, made again from the manifest
    quarantine  quarantine.jsonl against the manifest's counts
    rows        the rows against the manifest: mixture, keys, sizes, licences, held-out groups
    shards      tars and offsets against the rows
    samples     members against the row: json, prompt, kinds and sizes of pictures, colours that the
                task can draw, and whether target, mask, params and prompt agree

Everything, or with `sample` only so many samples of the tars, read by range, and all of the rest. A
build may be hostile: its numbers, paths and texts are checked before they are used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from multiprocessing import get_context

import numpy as np

from vbdata import plugins
from vbdata.checks.files import link_faults, listing_faults
from vbdata.checks.pictures import Doubts
from vbdata.checks.quarantine import Tried, quarantine_faults
from vbdata.checks.readers import reader_faults
from vbdata.checks.rows import WITHOUT_PIXELS, RowCheck
from vbdata.checks.shards import BuildFacts, Checked, ShardJob, check_shard
from vbdata.core.rng import Stream
from vbdata.errors import BadSample, BuildError, one_line
from vbdata.layout import MANIFEST, SUMS
from vbdata.machine.process import one_thread
from vbdata.manifest.consistency import manifest_faults
from vbdata.manifest.model import Manifest
from vbdata.manifest.opened import unfinished
from vbdata.manifest.read import read_manifest
from vbdata.manifest.rows import UNREADABLE, RowSpan, opened_rows, read_each, row_places
from vbdata.manifest.sums import MOST, capped, hash_fault, read_sums
from vbdata.storage.folder import Folder

READERS_AT_ONCE = 16  # requests under way when samples are read by range
BYTES_A_PROCESS = 64 << 20  # of tars; starting a process takes as long as checking them
RARE = 100  # one target in so many may lack a colour of its params
Step = Callable[[int, int], None]  # shards checked, of how many


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The result of `examine`.

    faults: a sentence each, none if the build is whole; shards: how many were checked; samples: how
    many the build has; read: how many had their pixels read; bytes: of the tars that were read;
    unread: what was left out; notes: what else bears on the result, a sentence each.
    """

    faults: tuple[str, ...]
    shards: int = 0
    samples: int = 0
    read: int = 0
    bytes: int = 0
    unread: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def verify(out: Folder) -> list[str]:
    """Check every byte of a build: all faults, a sentence each, or an empty list.

    Raises BuildError if there is no build.
    """
    return list(examine(out).faults)


def examine(
    out: Folder,
    *,
    sample: int | None = None,
    seed: int = 0,
    workers: int | None = 1,
    step: Step = lambda done, of: None,
) -> Verification:
    """Check a build: every byte, or with `sample` only so many samples of its tars.

    seed: picks the samples; workers: processes that check whole shards, None = as many as this
    machine has cores and the build has work for; step: called with the shards that are checked and
    with how many there are. The result does not depend on workers.
    Raises BuildError if there is no build, if it cannot be listed, or if a process dies.
    """
    try:
        files = out.listing().by_path()
    except (OSError, ValueError, ImportError) as err:
        raise BuildError(f"{out.url} cannot be read: {type(err).__name__}: {err}") from err
    missing = [path for path in (MANIFEST, SUMS) if path not in files]
    if missing:
        raise unfinished(out, missing[0])
    faults: list[str] = []
    sums = read_sums(out, faults)
    faults += listing_faults(sums, files)
    faults += link_faults(out)
    opened = read_manifest(out, faults)
    manifest = opened[0] if opened else None
    tars = {shard.tar for shard in manifest.shards} if manifest else set()
    hashed = (path for path in sums if path in files and path not in tars)
    faults += capped(f for f in (hash_fault(out, path, sums[path]) for path in hashed) if f)
    if manifest is None:
        return Verification(faults=tuple(map(one_line, faults)), unread=("rows and shards",))
    of_manifest, notes = [*manifest_faults(manifest, sums, files)], list[str]()
    faults += capped(of_manifest)
    if (
        opened and not of_manifest
    ):  # what follows from a manifest that contradicts itself says little
        faults += capped(reader_faults(*opened, sums, notes))
    tried: Tried = {}
    faults += capped(quarantine_faults(out, manifest, tried))
    places = _check_rows(out, manifest, tried, faults)
    if places is None:
        return Verification(faults=tuple(map(one_line, faults)), unread=("the shards",))
    chosen = _chosen(manifest, sample, seed)
    jobs = [
        ShardJob(shard, sums.get(shard.tar, shard.sha256), places[number], chosen[number])
        for number, shard in enumerate(manifest.shards)
        if shard.tar in files and shard.tar in sums
    ]
    build, checked = BuildFacts(out, manifest.rows, manifest.recipe.image), list[Checked]()
    step(0, len(jobs))
    workers = workers or _worth(sum(files[job.shard.tar] for job in jobs))
    doubts = Doubts()
    for result in _mapped(build, jobs, workers, by_range=sample is not None):
        checked.append(result)
        faults += result.faults
        doubts.add(result.doubts)
        step(len(checked), len(jobs))
    for many, text in _incomplete(doubts):
        (faults if many else notes).append(text)
    if not faults:
        faults += _member_faults(manifest, doubts, whole=sample is None)
    read, size = sum(each.samples for each in checked), sum(each.bytes for each in checked)
    return Verification(
        faults=tuple(map(one_line, faults)),
        shards=len(checked),
        samples=manifest.samples,
        read=read,
        bytes=size,
        unread=() if sample is None else _unread(manifest, read),
        notes=tuple(map(one_line, [*notes, *_notes(manifest)])),
    )


def _check_rows(
    out: Folder, manifest: Manifest, tried: Tried, faults: list[str]
) -> list[RowSpan] | None:
    """Check the rows; return where those of each shard lie, or None if they cannot be read."""
    check = RowCheck(out, manifest, tried, faults)
    try:
        with opened_rows(out, manifest.rows) as file:
            places = row_places(file, manifest)
            for number, rows in enumerate(read_each(file, places, WITHOUT_PIXELS)):
                faults += check.add(number, rows)
    except UNREADABLE as err:
        kind = "" if isinstance(err, BadSample) else f"{type(err).__name__}: "
        faults.append(f"{manifest.rows}: cannot be read: {kind}{err}")
        return None
    faults += capped(check.finish())
    return places


def _chosen(manifest: Manifest, sample: int | None, seed: int) -> Sequence[tuple[int, ...] | None]:
    """The places of the samples to read in each shard, or None for all.

    The build is cut into `sample` strata of equal size; the seed picks one sample of each.
    """
    if sample is None:
        return [None] * len(manifest.shards)
    total, rng = manifest.samples, Stream("verify", seed)
    count = min(sample, total)
    edges = [k * total // max(count, 1) for k in range(count + 1)]
    ends = np.cumsum([shard.samples for shard in manifest.shards])
    chosen: list[list[int]] = [[] for _ in manifest.shards]
    for start, end in pairwise(edges):
        position = start + rng.integer(end - start)
        number = int(np.searchsorted(ends, position, side="right"))
        chosen[number].append(position - int(ends[number]) + manifest.shards[number].samples)
    return [tuple(places) for places in chosen]


def _worth(size: int) -> int:
    """How many processes check so many bytes of tars soonest: it takes seconds to start one."""
    return min(os.cpu_count() or 1, 1 + size // BYTES_A_PROCESS)


def _mapped(
    build: BuildFacts, jobs: list[ShardJob], workers: int, by_range: bool
) -> Iterator[Checked]:
    """Check shards side by side, in order: by threads if by range, else by processes."""
    work = partial(check_shard, build)
    if by_range:
        with ThreadPoolExecutor(READERS_AT_ONCE) as pool:
            yield from _ordered(pool, work, jobs)
    elif min(workers, len(jobs)) <= 1 or build.out.url.startswith("memory://"):
        yield from map(work, jobs)
    else:
        count = min(workers, len(jobs))
        with ProcessPoolExecutor(count, get_context("spawn"), initializer=one_thread) as pool:
            try:
                yield from _ordered(pool, work, jobs)
            except BrokenExecutor as err:
                died = "a process died while checking it, perhaps for lack of memory"
                raise BuildError(f"{build.out.url}: {died}: {err}") from err


def _ordered(
    pool: Executor, work: Callable[[ShardJob], Checked], jobs: Iterable[ShardJob]
) -> Iterator[Checked]:
    try:
        yield from pool.map(work, jobs)
    except BaseException:  # such as an interrupt: shards that wait are not begun
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _unread(manifest: Manifest, read: int) -> tuple[str, ...]:
    size = sum(shard.bytes for shard in manifest.shards)
    return (
        f"{manifest.samples - read} of {manifest.samples} samples",
        f"the SHA-256 of {len(manifest.shards)} tars ({size / 1e9:.2f} GB)",
    )


def _member_faults(manifest: Manifest, doubts: Doubts, whole: bool) -> Iterator[str]:
    """Where the manifest does not count the members as they are. whole: whether all were read."""
    for name in sorted({*doubts.members, *manifest.members}) if manifest.members else ():
        found, stated = doubts.members[name], manifest.members.get(name, 0)
        if found > stated or (whole and found < stated):
            yield f"{MANIFEST}: {stated} samples have a member {name}, there are {found}"


def _incomplete(doubts: Doubts) -> Iterator[tuple[bool, str]]:
    """Cells with targets that lack a colour of their params, each with whether there are too many.

    An instance that others hide has a colour and no pixel. That is rare: where more than one target
    in a hundred lacks a colour, somebody has removed it.
    """
    for (source, task), keys in doubts.incomplete.items():
        looked = doubts.looked[source, task]
        shown = ", ".join(keys[:MOST]) + (", ..." if len(keys) > MOST else "")
        text = (
            f"{source} / {task}: {len(keys)} of {looked} targets lack a colour of their params, "
            f"though nothing was cropped: {shown}"
        )
        yield RARE * len(keys) > looked, text


def _notes(manifest: Manifest) -> Iterator[str]:
    for task in sorted({cell.task for cell in manifest.cells}):
        installed = plugins.usable(plugins.TASKS, task)
        if installed and manifest.code.tasks.get(task) != plugins.code_digest(plugins.TASKS, task):
            yield f"the code of {task} has changed since; its colours were judged by today's"
