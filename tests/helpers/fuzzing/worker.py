"""The child process of fuzzing.run: reads case numbers, meets each with a reader, says how it went.

Started as `python -m tests.helpers.fuzzing.worker FOLDER MEGABYTES`; a line is [reader, seed,
number].
"""

from __future__ import annotations

import collections
import importlib
import io
import json
import os
import shutil
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from tests.helpers.fuzzing.damage import damage, lay_out
from tests.helpers.fuzzing.guard import Guard, limit_memory
from tests.helpers.fuzzing.values import SECRET
from tests.helpers.fuzzing.variants import Variant, variants
from vbdata import plugins
from vbdata.core import compiled, members
from vbdata.core.entry_columns import entries_of
from vbdata.core.images import decode_rgb
from vbdata.core.labels import Depth, Normals, Segments
from vbdata.core.types import Entry, Sample, Source
from vbdata.errors import REASONS, BadSample, SourceError
from vbdata.index.facts import entry_digest
from vbdata.index.index import build_index
from vbdata.jobs.job import Job, Row
from vbdata.machine.process import one_thread
from vbdata.shard.sample import load_row, make_sample
from vbdata.sources.open import open_root
from vbdata.storage.folder import Root

ENGINE_EVERY = 4  # cases of which one goes on to finished samples
SAMPLES = 2  # a task


@dataclass
class Outcome:
    """How a case went. kind: fine, SourceError, BadSample or FAILURE; reasons: how many records."""

    case: int
    kind: str = "fine"
    damage: str = ""
    detail: str = ""
    where: str = ""
    reasons: collections.Counter[str] = field(default_factory=collections.Counter)


class Broken(Exception):
    """A reader gave something that its contract does not allow."""


def run_case(reader: str, seed: int, case: int, folder: Path, guard: Guard) -> Outcome:
    """Damage a copy of the demo data, read it, and say what came of it."""
    rng = Random(f"{reader}/{seed}/{case}")
    number = rng.randrange(len(variants(reader)))
    variant = variants(reader)[number]
    root, work = folder / "root", folder / "work"
    for old in (root, work):
        shutil.rmtree(old, ignore_errors=True)
    work.mkdir()
    lay_out(folder.parent / "demo" / f"{reader}-{number}", root)
    outcome = Outcome(case, damage=f"{variant}: {damage(root, rng)}")
    print(json.dumps({"begin": case, "damage": ascii(outcome.damage)}), flush=True)
    try:
        with guard.watching(root, work):
            _meet(reader, variant, root, work, case, outcome)
    except SourceError as err:
        outcome.kind, outcome.detail = "SourceError", _said(str(err), outcome)
    except Exception as err:  # noqa: BLE001 (what the harness is for)
        frames = traceback.extract_tb(err.__traceback__)
        ours = [f for f in frames if "/.venv/" not in f.filename and "/tests/" not in f.filename]
        places = [f"{Path(f.filename).name}:{f.lineno}" for f in (ours or frames)[-3:]]
        outcome.kind, outcome.where = "FAILURE", " > ".join(places)
        outcome.detail = f"{type(err).__name__}: {ascii(str(err))[:300]}"
    if guard.escapes:
        outcome.kind, outcome.detail = "FAILURE", f"escape: {guard.escapes[0]}"
    if outcome.kind == "fine" and outcome.reasons.keys() - {"fine"}:
        outcome.kind = "BadSample"
    return outcome


def _said(text: str, outcome: Outcome) -> str:
    """A message's text; one that no terminal can show, or is no use, is a failure."""
    if not text.strip() or len(text) > 5000 or text.encode("utf-8", "replace").decode() != text:
        outcome.kind = "FAILURE"
        return f"message of {len(text)} characters: {ascii(text)[:200]}"
    return text


def _meet(
    reader: str, variant: Variant, folder: Path, work: Path, case: int, outcome: Outcome
) -> None:
    module = plugins.dataset(reader)
    root = open_root((str(folder),), mount=plugins.mounts(reader))
    last = ""
    for entry in module.index(root, **variant.options):
        if entry.id <= last:
            raise Broken(f"id {entry.id!r} after {last!r}")
        last = entry.id
        _check_entry(entry, module.LABELS)
        _load(module, root, entry, outcome)
    if last and compiled.library() and hasattr(module, "index_columns"):
        _check_columns(module, root, variant)
    if last and case % ENGINE_EVERY == 0:
        _finish(reader, variant, folder, root, work, outcome)


def _check_columns(module: Any, root: Root, variant: Variant) -> None:
    found: list[Entry] = []
    for each in module.index_columns(root, **variant.options):
        found += [each] if isinstance(each, Entry) else entries_of(each)
    if found != [*module.index(root, **variant.options)]:
        raise Broken("its columns say something else than its entries")


def _load(module: Any, root: Root, entry: Entry, outcome: Outcome) -> None:
    """All that an entry offers, or the BadSample that it is."""
    try:
        sample = module.load(root, entry, entry.labels)
        _check_image(sample, entry)
        for kind in entry.labels:
            _check_label(kind, sample.labels[kind], entry)
    except BadSample as bad:
        _check_reason(bad.reason, f"{bad.detail}{bad.file}")
        outcome.reasons[bad.reason] += 1
        if entry.fault and not entry.fault.startswith(f"{bad.reason}: "):
            raise Broken(f"the fault {entry.fault!r} is raised as {bad}") from bad
    else:
        if entry.fault:
            raise Broken(f"a record with the fault {entry.fault!r} was loaded")
        outcome.reasons["fine"] += 1


def _check_reason(reason: str, detail: str) -> None:
    if reason not in REASONS:
        raise Broken(f"unknown reason {reason!r}")
    if len(detail) > 5000 or detail.encode("utf-8", "replace").decode() != detail:
        raise Broken(f"detail of {len(detail)} characters: {ascii(detail)[:200]}")


def _check_entry(entry: Entry, labels: tuple[str, ...]) -> None:
    for text in (entry.id, entry.group, entry.license, entry.fault, *entry.captions):
        if text.encode("utf-8", "replace").decode() != text:
            raise Broken(f"text that cannot be written: {ascii(text)[:100]}")
    if entry.fault:
        _check_reason(entry.fault.partition(": ")[0], entry.fault)
    elif not 0 < entry.width * entry.height <= 1 << 27:
        raise Broken(f"size {entry.width}x{entry.height}")
    if not set(entry.labels) <= set(labels) or not entry.id or not entry.group or not entry.license:
        raise Broken(f"labels {entry.labels}, group {entry.group!r}, licence {entry.license!r}")


def _check_image(sample: Sample, entry: Entry) -> None:
    if isinstance(sample.image, bytes):
        return  # decoded by the engine
    shape, dtype = sample.image.shape, sample.image.dtype
    if shape != (entry.height, entry.width, 3) or dtype != np.uint8:
        raise Broken(f"image {dtype}{shape}")


def _check_label(kind: str, label: Any, entry: Entry) -> None:
    """Raise Broken unless a label is what vbdata.core.types says."""
    size = (entry.height, entry.width)
    good = True
    if isinstance(label, Depth):
        known = label.metres[label.valid]
        good = label.metres.shape == label.valid.shape == size
        good &= label.metres.dtype == np.float32 and not bool(np.isnan(label.metres).any())
        good &= bool((known > 0).all())
    elif isinstance(label, Normals):
        length = np.sqrt(np.square(label.xyz).sum(0))[label.valid]
        good = label.xyz.shape == (3, *size) and label.valid.shape == label.sky.shape == size
        good &= bool((abs(length - 1) < 1e-3).all()) and not bool(np.isnan(label.xyz).any())
    elif isinstance(label, Segments):
        good = label.ids.shape == label.valid.shape == size
        good &= len(label.classes) == len(label.things) == len(label.crowds)
        good &= 0 <= int(label.ids.min()) <= int(label.ids.max()) <= len(label.classes)
        good &= all(isinstance(name, str) and name for name in label.classes)
    elif kind == "captions":
        good = label == entry.captions and all(isinstance(t, str) and t.strip() for t in label)
    elif kind == "expressions":
        good = label == entry.expressions and all(e.text.strip() for e in label)
        good &= all(0 <= target < 1 << 20 for e in label for target in e.targets)
    if not good:
        raise Broken(f"{kind} of {entry.id} is no {kind}")


def _finish(
    reader: str, variant: Variant, folder: Path, root: Root, work: Path, outcome: Outcome
) -> None:
    """Some entries all the way to finished samples, by every task that takes them."""
    source = Source(
        name="fuzz", dataset=reader, roots=(str(folder),), tasks={}, options=variant.options
    )
    try:
        index = build_index(source, work / "index")
    except SourceError as err:
        raise Broken(f"the engine cannot keep what the reader yields: {err}") from err
    offered = index.facts["labels"].to_pylist()
    faults = index.facts["fault"].to_pylist()
    for name in plugins.names(plugins.TASKS):
        task = plugins.task(name)
        able = task.eligible(index.facts)
        able &= [
            plugins.suffice(o, task.NEEDS) and not f for o, f in zip(offered, faults, strict=True)
        ]
        job = _job(reader, index.vocabulary)
        for entry in index.entries(np.flatnonzero(able)[:SAMPLES]):
            where = {"slot": 0, "source": "fuzz", "task": name, "pass_": 0}
            _make(Row(**where, entry=entry, digest=entry_digest(entry)), job, root, outcome)


def _make(row: Row, job: Job, root: Root, outcome: Outcome) -> None:
    try:
        made = make_sample(row, load_row(row, job, root), job, "cpu")
    except BadSample as bad:
        if bad.reason == "round trip":
            raise Broken(str(bad)) from bad
        _check_reason(bad.reason, f"{bad.detail}{bad.file}")
        outcome.reasons[bad.reason] += 1
        return
    facts = json.loads(made.members["json"])
    target = made.members[members.named(made.members, members.TARGET)]
    shapes = []
    for data in (made.members["input.jpg"], target):
        try:
            shapes.append(decode_rgb(data).shape)
        except BadSample:  # bits flipped in a file that stands as it is: see images.check_jpeg
            if not any(data in root.read(file.path) for file in row.entry.files.values()):
                raise
            return
    shape = shapes[0]
    with Image.open(io.BytesIO(made.members["input.jpg"])) as opened:
        seen = ImageOps.exif_transpose(opened)
        good = seen.size == (facts["width"], facts["height"])
        good &= np.asarray(seen.convert("RGB")).shape == shape
    if not good or shapes[1][:2] != seen.size[::-1]:
        raise Broken(f"{row.task}: the sample shows {seen.size}, its label {facts['width']}")


def _job(reader: str, vocabulary: Any) -> Job:
    return Job(
        shard=0,
        tar="fuzz.tar",
        first=0,
        digits=8,
        seed=0,
        image={"max_pixels": None, "multiple_of": 1, "input": "jpg", "target": "jpg"},
        rows=(),
        spares=(),
        datasets={"fuzz": reader},
        vocabulary={"fuzz": vocabulary},
        options={},
        roots={"fuzz": ()},
        digest="0" * 64,
    )


def main() -> None:
    """Serve cases from stdin until it closes."""
    home, megabytes = Path(sys.argv[1]), int(sys.argv[2])
    outside = home / SECRET
    outside.mkdir()
    for name in ("file.json", "file.hdf5"):
        (outside / name).write_bytes(b"{}")
    os.environ["VBDATA_CACHE"] = os.environ["TMPDIR"] = str(home / "work")
    one_thread()
    for package in (plugins.TASKS, plugins.DATASETS):
        for name in plugins.names(package):
            plugins.resolve(package, name)
    for name in ("cv2", "h5py", "pyarrow.parquet", "pycocotools.mask"):
        importlib.import_module(name)
    compiled.library()  # a compiler is started here, not by a reader
    guard = Guard(outside)
    limit_memory(megabytes << 20)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        reader, seed, case = json.loads(line)
        print(json.dumps(vars(run_case(reader, seed, case, home, guard))), flush=True)


if __name__ == "__main__":
    main()
