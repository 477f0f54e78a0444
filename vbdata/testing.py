"""Checks for tests of one's own readers and tasks.

    from vbdata.testing import check_reader, check_task

    check_reader("barn.reader", "data/barn")
    check_task("barn.task", "barn.reader", "data/barn")

They read real files, a few records of them, and raise AssertionError with a sentence that names the
record. vbdata's own readers and tasks are held to the same (tests/pipelines/test_contract.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.core.images import decode_rgb
from vbdata.core.labels import Depth, Flow, Keypoints, Linear, Normals, Segments
from vbdata.core.rng import Stream
from vbdata.core.types import Entry, Sample, Source
from vbdata.errors import BadSample
from vbdata.index.index import Index, build_index
from vbdata.plugins.decoded import LABELS_OF, decoded_fault
from vbdata.sources.open import open_root
from vbdata.storage.folder import Root

KINDS: dict[str, type | tuple[type, ...]] = {
    **LABELS_OF,
    "captions": tuple,
    "expressions": tuple,
    "truths": tuple,
    "masks": tuple,
    "edited": (bytes, np.ndarray),
}
RECORDS = 8  # of a reader that are loaded
ASKED = 4  # records that a task is asked about
UNIT_WITHIN = 1e-3  # by which a normal's length may be off


def check_reader(reader: str, root: str | Path, **options: Any) -> list[Entry]:
    """Index a folder or archive with a reader, load some records, and return all entries.

    reader: its name, as in a recipe; options: of its `index`. Ids must be sorted and unique, two
    indices the same, and every loaded label of the kind, size and dtype that its entry promises.
    Raises AssertionError for what is not so, LookupError for a reader that cannot be used.
    """
    module = plugins.dataset(reader)
    source = Source(name="it", dataset=reader, roots=(str(root),), tasks={}, options=options)
    opened = open_root(source.roots, mount=plugins.mounts(reader))
    with TemporaryDirectory(prefix="vbdata-") as folder:
        found = entries_of(build_index(source, Path(folder)))
    named = {"source": source.name} if "source" in signature(module.index).parameters else {}
    again = list(module.index(opened, **named, **options))
    expect(found == again, "the same data is indexed otherwise when it is indexed again")
    expect(bool(found), "the index has no entry")
    for entry in found:
        check_entry(entry, module.LABELS)
    for entry in [entry for entry in found if not entry.fault][:RECORDS]:
        check_sample(module.load(opened, entry, entry.labels), entry)
    return found


def check_task(
    task: str, reader: str, where: str | Path, *, task_options: Any = None, **options: Any
) -> int:
    """Ask, render and decode some records of a reader with a task; how many.

    task, reader: their names, as in a recipe; where: the data's folder or archive; task_options: a
    mapping of the task's own; options: of the reader's `index`. Raises AssertionError if the task
    does not keep its contract, or if no record can serve.
    """
    source = Source(name="it", dataset=reader, roots=(str(where),), tasks={}, options=options)
    with TemporaryDirectory(prefix="vbdata-") as folder:
        index = build_index(source, Path(folder))
        root = open_root(source.roots, mount=plugins.mounts(reader))
        served = served_by(task, index, root, task_options)
    expect(served > 0, f"no record of {reader} can serve for {task}")
    return served


def served_by(task: str, index: Index, root: Root, task_options: Any = None) -> int:
    """`check_task` over an index: how many records were drawn, 0 if none can serve.

    One in which things overlap too much for the task is none (BadSample("overlapping")).
    """
    served = 0
    module = plugins.task(task)
    needs = [need for need in module.NEEDS if need != "image"]
    able = np.asarray(module.eligible(index.facts))
    expect(
        able.shape == (len(index),) and able.dtype == np.bool_,
        f"eligible returned {able.dtype}{list(able.shape)}, expected bool[{len(index)}]",
    )
    able = able & [plugins.suffice(e.labels, needs) and not e.fault for e in entries_of(index)]
    chosen = index.entries(np.flatnonzero(able)[:ASKED])
    for entry in chosen:
        kinds = sorted(plugins.kind_in(entry.labels, need) for need in needs)
        sample = plugins.dataset(index.source.dataset).load(root, entry, kinds)
        try:
            check_answer(task, entry, sample, dict(task_options or {}))
        except BadSample as bad:
            if bad.reason != "overlapping":
                raise
            continue
        served += 1
    return served


def entries_of(index: Index) -> list[Entry]:
    """All entries of an index."""
    return index.entries(range(len(index)))


def check_entry(entry: Entry, labels: Sequence[str]) -> None:
    """Raise AssertionError unless an entry has what every entry has. labels: of its reader."""
    expect(entry.width > 0 and entry.height > 0, f"{entry.id}: it is {entry.width}x{entry.height}")
    expect(bool(entry.id and entry.group and entry.license), f"{entry.id}: no group or licence")
    strange = set(entry.labels) - set(labels)
    expect(not strange, f"{entry.id}: labels {sorted(strange)} are not in LABELS")
    expect("image" in entry.files, f"{entry.id}: its files have no 'image'")


def check_sample(sample: Sample, entry: Entry) -> None:
    """Raise AssertionError unless a loaded record is what its entry promises."""
    image = pixels(sample.image)
    expect(
        image.dtype == np.uint8 and image.shape == (entry.height, entry.width, 3),
        f"{entry.id}: image is {image.dtype}{list(image.shape)}, its entry says "
        f"{entry.width}x{entry.height}",
    )
    for kind in entry.labels:
        expect(kind in sample.labels, f"{entry.id}: load returned no {kind}")
        check_label(kind, sample.labels[kind], entry)


def check_label(kind: str, label: Any, entry: Entry) -> None:
    """Raise AssertionError unless a label is one of its kind, of its entry's size."""
    size, about = (entry.height, entry.width), f"{entry.id}: {kind}"
    expect(isinstance(label, KINDS[kind]), f"{about} is a {type(label).__name__}")
    if kind in LABELS_OF:
        fault = decoded_fault(kind, label, size).replace("decode returned", "load returned")
        expect(not fault, f"{about}: {fault}")
    if isinstance(label, Depth):
        near = label.metres[label.valid] <= 0
        expect(not bool(near.any()), f"{about}: {int(near.sum())} valid pixels are not in front")
    elif isinstance(label, Normals):
        length = np.sqrt(np.square(np.asarray(label.xyz)).sum(0))[np.asarray(label.valid)]
        off = float(np.abs(length - 1).max(initial=0))
        expect(off < UNIT_WITHIN, f"{about}: a normal's length is off by {off:g}")
        expect(not bool((label.valid & label.sky).any()), f"{about}: sky is valid")
    elif isinstance(label, Segments):
        _check_segments(label, entry, about)
    elif isinstance(label, Flow):
        uv = np.asarray(label.uv)[:, np.asarray(label.valid)]
        expect(bool(np.isfinite(uv).all()), f"{about}: a valid vector is not finite")
    elif isinstance(label, Keypoints):
        _check_keypoints(label, about)
    elif isinstance(label, Linear):
        rgb, most = (
            np.asarray(label.rgb)[:, np.asarray(label.valid)],
            1 if kind == "albedo" else np.inf,
        )
        strange = int(np.count_nonzero(~((rgb >= 0) & (rgb <= most) & np.isfinite(rgb))))
        expect(not strange, f"{about}: {strange} valid numbers are below 0 or above {most:g}")
    elif kind == "edited":
        shape = pixels(label).shape
        expect(shape == (*size, 3), f"{about} is {list(shape)}")
    elif kind == "expressions":
        expect(label == entry.expressions, f"{about} are others than the entry's")
        spaced = [e.text for e in label if not e.text or " ".join(e.text.split()) != e.text]
        expect(not spaced, f"{about}: {spaced[:3]} have other blanks than single ones")


def _check_keypoints(label: Keypoints, about: str) -> None:
    visible, crowds = np.asarray(label.visible), np.asarray(label.crowds)
    points = np.asarray(label.points)[visible > 0]
    expect(bool(np.isin(visible, (0, 1, 2)).all()), f"{about}: visible is not 0, 1 or 2")
    expect(bool(np.isfinite(points).all()), f"{about}: a labelled joint is not finite")
    expect(not bool((visible[crowds] > 0).any()), f"{about}: a crowd has joints")
    expect(bool((visible > 0).any()), f"{about}: no joint is labelled")
    joints = {joint for bone in label.skeleton for joint in bone}
    expect(joints <= set(range(len(label.names))), f"{about}: a bone has no joint")


def _check_segments(label: Segments, entry: Entry, about: str) -> None:
    low, high = int(label.ids.min()), int(label.ids.max())
    expect(low >= 0 and high <= len(label.classes), f"{about}: ids from {low} to {high}")
    parts = list(zip(label.classes, label.things, label.crowds, strict=True))
    for fact in entry.classes:
        count = sum(name == fact.name and thing and not crowd for name, thing, crowd in parts)
        wanted = f"the entry says {fact.instances} of {fact.name!r}, the label has {count}"
        expect(count == fact.instances, f"{about}: {wanted}")
    places = [(fact, *part) for fact in entry.classes for part in fact.parts]
    for fact, place, area in places:
        name, thing, crowd = parts[place]
        expect((name, thing) == (fact.name, fact.thing), f"{about}: part {place} is a {name!r}")
        expect((area < 0) == (crowd or not thing), f"{about}: part {place} has the area {area}")
    expect(len({place for _, place, _ in places}) == len(places), f"{about}: a part stands twice")
    if entry.classes:
        counted = sum(area >= 0 for _, _, area in places)
        said = sum(fact.instances for fact in entry.classes)
        expect(counted == said, f"{about}: {said} instances, but areas of {counted}")


def check_answer(task: str, entry: Entry, sample: Sample, given: dict[str, Any]) -> None:
    """Raise AssertionError unless a task asks, draws and decodes a record as it has to."""
    module, size = plugins.task(task), (entry.height, entry.width)
    ask, again = (module.ask(entry, Stream("contract", entry.id), **given) for _ in range(2))
    expect(ask == again, f"{entry.id}: {task} asks otherwise when it is asked again")
    expect(
        json.loads(json.dumps(ask.params)) == ask.params,
        f"{entry.id}: the params are no JSON values: {ask.params!r:.200}",
    )
    expect(
        bool(ask.instruction) and ask.instruction == " ".join(ask.instruction.split()),
        f"{entry.id}: the instruction is not one line of single blanks: {ask.instruction!r:.200}",
    )
    kind = module.NEEDS[0]
    label = pixels(sample.image)
    if kind != "image":
        label = sample.labels[plugins.kind_in(entry.labels, kind)]
    label = pixels(label) if isinstance(label, bytes) else label
    ask = plugins.with_measured(module, label, ask)
    expect(
        json.loads(json.dumps(ask.params)) == ask.params,
        f"{entry.id}: what is measured is no JSON values: {ask.params!r:.200}",
    )
    rgb = module.render(label, ask.params)
    shape, dtype = tuple(rgb.shape), str(rgb.dtype).removeprefix("torch.")
    expect(
        dtype == "uint8" and shape == (*size, 3),
        f"{entry.id}: render returned {dtype}{list(shape)}, expected uint8{[*size, 3]}",
    )
    shape = tuple(module.valid(label, ask.params).shape)
    expect(shape == size, f"{entry.id}: valid returned {list(shape)}, expected {list(size)}")
    unlawful = int((~module.legal(rgb, ask.params)).sum())
    expect(not unlawful, f"{entry.id}: {unlawful} drawn pixels are of no legal colour")
    fault = decoded_fault(kind, module.decode(rgb, ask.params), size)
    expect(not fault, f"{entry.id}: {fault}")
    error = float(module.roundtrip(label, rgb, ask.params))
    expect(
        error <= module.TOLERANCE,
        f"{entry.id}: the target decodes to its label only within {error:g} {module.UNIT}, not "
        f"{module.TOLERANCE:g}",
    )


def pixels(image: bytes | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture as uint8 RGB [H, W, 3], of a file's bytes or as it is."""
    return decode_rgb(image) if isinstance(image, bytes) else image


def expect(good: bool, otherwise: str) -> None:
    """Raise AssertionError with a sentence unless something is so; `python -O` keeps it."""
    if not good:
        raise AssertionError(otherwise)
