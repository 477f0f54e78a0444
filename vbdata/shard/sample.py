"""Make one sample: read a record, resize it, make the prompt, render the target, encode.

A pure function of a planned row. Whatever is wrong with a record is raised as BadSample.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from vbdata import plugins
from vbdata.core import images, members
from vbdata.core.arrays import NUMPY, Array, numpy, placed
from vbdata.core.geometry import geometry_for
from vbdata.core.labels import Label, Segments, moved
from vbdata.core.png import encode_png
from vbdata.core.relabel import relabelled
from vbdata.core.reversal import is_reversed
from vbdata.core.types import Ask, Entry, Geometry, Sample
from vbdata.errors import BadSample
from vbdata.jobs.job import Job, Row
from vbdata.machine.stages import stage
from vbdata.shard.asking import ask_for
from vbdata.shard.made import Drawn, Made, finished, geometry_of, sizes_of
from vbdata.shard.picture import Picture, blank_image, full_mask, mask_png
from vbdata.shard.reads import Reads
from vbdata.storage.folder import Root


class Labelled(NamedTuple):
    """A record in memory whose target is to be drawn.

    label: what the task renders, at the source's size; for tasks on images uint8 RGB [H, W, 3] at
    the output size. input: the input image encoded, as it will stand in the tar; references:
    further pictures of the question, by extension; photograph: kind and bytes of the target, where
    the drawn picture is the input.
    """

    label: Label | images.Pixels
    geometry: Geometry
    input: bytes
    references: Mapping[str, bytes]
    raw_sha256: str
    reads: str
    photograph: tuple[str, bytes] | None = None


Loaded = Labelled | Drawn  # a record in memory; a photograph is drawn when it is read


def load_row(row: Row, job: Job, root: Root) -> Loaded:
    """Read and decode a record, and encode its input image. Raises BadSample, OSError.

    The pictures of a photograph are finished by that: they stand as their files are, if they can.
    """
    spec, entry = job.image, row.entry
    if job.votes:
        entry = plugins.narrowed(row.task, entry, job.place(row)[0])
    reads = Reads(root, entry.files.values())
    task, reader = plugins.drawing(row.task), plugins.dataset(job.datasets[row.source])
    with stage("decode") as span:
        needs = (need for need in task.NEEDS if need != "image")
        kinds = tuple(plugins.kind_in(entry.labels, need) for need in needs)
        sample = _load(reader, reads, entry, kinds)
        span.bytes = reads.size_read
    geometry = geometry_of(row, job)
    picture = Picture(sample.image, geometry, entry.files["image"].path)
    backward = is_reversed(row.task)
    photograph = picture.stored(spec["target"]) if backward else None
    if backward:
        encoded = b""
    elif task.BLANK_INPUT:
        encoded = blank_image(geometry.width, geometry.height, spec["input"])
    else:
        with stage("encode") as span:
            encoded = picture.encoded(spec["input"])
            span.bytes = len(encoded)
    kind = "image" if task.NEEDS[0] == "image" else kinds[0]
    if plugins.photograph(row.task) and not backward:
        target = picture if kind == "image" else _target(sample, entry, kind, geometry)
        more = _references(sample, entry, spec, None)
        return _photograph(encoded, target, more, spec, reads)
    label = picture.pixels if kind == "image" else sample.labels[kind]
    if isinstance(label, Label):
        label = moved(label, NUMPY)
    if isinstance(label, Segments):
        label = relabelled(label, entry)
    if isinstance(label, Label):
        with stage("decode"):
            picture.refuse_blank()
    if kind != "image" and isinstance(label, bytes | np.ndarray):
        file = entry.files[kind].path if kind in entry.files else ""
        label = Picture(label, geometry, file).pixels
    more = {} if backward else _references(sample, entry, spec, geometry)
    return Labelled(label, geometry, encoded, more, reads.bytes_sha256, reads.noted, photograph)


def _target(sample: Sample, entry: Entry, kind: str, geometry: Geometry) -> Picture:
    """The picture of another kind than the input, such as an edited one."""
    file = entry.files[kind].path if kind in entry.files else ""
    return Picture(sample.labels[kind], geometry, file)


def _references(
    sample: Sample, entry: Entry, spec: Mapping[str, Any], like: Geometry | None
) -> dict[str, bytes]:
    """The references of a record by extension, each at the output size of its own.

    Where the recipe states sizes, these are not theirs: they have at most as many pixels. like: of
    the input, which those of an encoded label share if they have its size, such as the next frame.
    """
    found: dict[str, bytes] = {}
    most = max((w * h for w, h in sizes_of(spec)), default=spec["max_pixels"])
    for number, image in enumerate(sample.references, 1):
        role = f"{members.REFERENCE}{number}"
        file = entry.files[role].path if role in entry.files else ""
        width, height = images.size(image, file) if isinstance(image, bytes) else image.shape[1::-1]
        geometry = geometry_for(width, height, most, spec["multiple_of"])
        if like is not None and like.source == (width, height):
            geometry = like
        kind, data = Picture(image, geometry, file).stored(spec["target"])
        found[members.picture(role, kind)] = data
    return found


def _photograph(
    given: bytes,
    target: Picture,
    references: Mapping[str, bytes],
    spec: Mapping[str, Any],
    reads: Reads,
) -> Drawn:
    """The pictures of a sample whose target is a photograph.

    given: the encoded input; references: further pictures of the question, by extension.
    """
    name, data = target.stored(spec["target"])
    pictures = {
        members.picture(members.INPUT, spec["input"]): given,
        members.picture(members.TARGET, name): data,
        **references,
    }
    if spec["target"] == "png":
        pictures[members.VALID] = full_mask(target.geometry.height, target.geometry.width)
    passed = members.picture(members.TARGET, name) if reads.is_all(data) else ""
    return Drawn(
        pictures=pictures,
        valid_share=1.0,
        roundtrip_error=0.0,
        raw_sha256="" if passed else reads.bytes_sha256,
        reads=reads.noted,
        passed=passed,
    )


def _load(reader: ModuleType, reads: Reads, entry: Entry, kinds: tuple[str, ...]) -> Sample:
    """What the reader loads of an entry.

    Raises BadSample("changed") for a file that is another than the indexed one, whatever the reader
    made of it.
    """
    try:
        sample: Sample = reader.load(reads, entry, kinds)
    except Exception as err:
        if reads.changed:
            raise reads.changed from err
        raise
    if reads.changed:
        raise reads.changed
    return sample


def make_sample(row: Row, loaded: Loaded, job: Job, device: str) -> Made:
    """Make a sample of a loaded record: prompt, target, mask of valid pixels. Raises BadSample.

    Labels are resized before they are turned into colours: colours must never be interpolated.
    """
    if isinstance(loaded, Drawn):
        with stage("render"):
            ask = ask_for(row, job)
        return finished(row, job, ask, loaded)
    task = plugins.drawing(row.task)
    with stage("render") as span:
        ask = ask_for(row, job)
        label = _label(loaded, task, device)
        ask = plugins.with_measured(task, label, ask)
        target: Array = task.render(label, ask.params)
        span.bytes = target.nbytes
    with stage("round trip", target.nbytes):
        error = _roundtrip_error(row.task, label, target, ask)
    with stage("render"):
        valid = numpy(task.valid(label, ask.params))
        good = int(np.count_nonzero(valid))
    if not good:
        raise BadSample("all invalid", "no valid pixel is left in the output image")
    full, sparse = good == valid.size, 2 * good < valid.size
    with stage("encode") as span:
        png = encode_png(numpy(target), sparse=sparse)
        if loaded.photograph is None:
            mask = full_mask(*valid.shape) if full else mask_png(valid, sparse)
            given = members.picture(members.INPUT, job.image["input"])
            pictures = {given: loaded.input, members.LABEL: png, members.VALID: mask}
        else:
            pictures, good = _turned_round(png, loaded.photograph, loaded.geometry, job), valid.size
        pictures |= loaded.references
        span.bytes = len(png) + len(pictures.get(members.VALID, b""))
    drawn = Drawn(
        pictures=pictures,
        valid_share=round(good / valid.size, 6),
        roundtrip_error=error,
        raw_sha256=loaded.raw_sha256,
        reads=loaded.reads,
    )
    return finished(row, job, ask, drawn)


def _turned_round(
    png: bytes, photograph: tuple[str, bytes], geometry: Geometry, job: Job
) -> dict[str, bytes]:
    """The pictures, by extension, of a sample whose input is drawn.

    png: the input, which is never a JPEG, as its colours are the label; photograph: kind and bytes
    of the target.
    """
    kind, data = photograph
    pictures = {members.DRAWN_INPUT: png, members.picture(members.TARGET, kind): data}
    if job.image["target"] == "png":
        pictures[members.VALID] = full_mask(geometry.height, geometry.width)
    return pictures


def _roundtrip_error(name: str, label: Any, target: Array, ask: Ask) -> float:
    """How far the decoded target is from its label, in the task's UNIT.

    Raises BadSample("round trip") above the task's TOLERANCE: that is a bug in its code.
    """
    task = plugins.drawing(name)
    error: float = task.roundtrip(label, target, ask.params)
    if not error <= task.TOLERANCE:
        raise BadSample(
            "round trip",
            f"a bug: the target decodes to its label only within {error:g} {task.UNIT}, "
            f"not {task.TOLERANCE:g}; params {json.dumps(ask.params)[:200]}",
        )
    return round(error, 9)


def _label(loaded: Labelled, task: ModuleType, device: str) -> Any:
    """What the task renders, at the output size; images have that size already.

    On the CPU in NumPy's arrays, else in tensors on the device, if the task takes them.
    """
    where = device if device != "cpu" and "torch" in plugins.arrays_of(task) else NUMPY
    if isinstance(loaded.label, np.ndarray):
        return placed(loaded.label, where)
    return moved(loaded.label, where).fit(loaded.geometry)
