"""Make one sample: read a record, resize it, make the prompt, render the target, encode.

A pure function of a planned row. Whatever is wrong with a record is raised as BadSample.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from vbdata import plugins
from vbdata.core import images, members
from vbdata.core.arrays import NUMPY, Array, numpy, placed
from vbdata.core.geometry import geometry_for
from vbdata.core.png import encode_png
from vbdata.core.relabel import relabelled
from vbdata.core.reversal import is_reversed
from vbdata.core.types import Ask, Entry, Geometry, Label, Sample, Segments, moved
from vbdata.errors import BadSample
from vbdata.jobs.job import Job, Row
from vbdata.jobs.origin import origin_of
from vbdata.machine.stages import stage
from vbdata.shard.asking import ask_for
from vbdata.shard.picture import Picture, blank_image, full_mask, mask_png
from vbdata.shard.reads import Reads, sha256
from vbdata.storage.folder import Root

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class Made(NamedTuple):
    """A finished sample. members: bytes by extension, as in the tar; facts: its receipt line."""

    members: dict[str, bytes]
    facts: dict[str, Any]


class Drawn(NamedTuple):
    """The part of a sample that costs time to make: its pictures, and what was measured of them.

    pictures: bytes of files by extension; valid_share: of the pixels, 0 to 1; roundtrip_error:
    of the target's own decoding, in the task's UNIT; raw_sha256: of all bytes that were read for
    them; reads: the questions by which they were read, as JSON (vbdata.shard.reads).
    """

    pictures: Mapping[str, bytes]
    pictures_sha256: str
    valid_share: float
    roundtrip_error: float
    raw_sha256: str
    reads: str


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
    geometry = _geometry(row, job)
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
    more = _references(sample, entry, spec, geometry)
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
    most = max((w * h for w, h in _sizes(spec)), default=spec["max_pixels"])
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
    return Drawn(
        pictures=pictures,
        pictures_sha256=pictures_sha256(pictures, reads.sha256_of),
        valid_share=1.0,
        roundtrip_error=0.0,
        raw_sha256=reads.bytes_sha256,
        reads=reads.noted,
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
        pictures_sha256=pictures_sha256(pictures),
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


def finished(row: Row, job: Job, ask: Ask, drawn: Drawn) -> Made:
    """Add the prompt and the JSON to the pictures: a sample's members, and its receipt line."""
    facts = _facts(row, job, _geometry(row, job), ask)
    files = {
        **drawn.pictures,
        members.INSTRUCTION: ask.instruction.encode(),
        members.FACTS: _canonical(facts).encode(),
    }
    more = {
        "instruction": ask.instruction,
        "origin_sha256": origin_sha256(row, job),
        **drawn._asdict(),
        "pictures": sorted(drawn.pictures),
    }
    return Made(files, facts | more)


def origin_sha256(row: Row, job: Job) -> str:
    """The origin of a row's pictures: all that decides them but raw bytes and the prompt's params.

    That is the entry, the code of its reader, its task and the engine, the geometry and the kind
    of input image; not the place in the data set, the source's name, the seed or the mixture.
    """
    return origin_of(job.datasets[row.source], row.task, job.image, _geometry(row, job), row.digest)


def pictures_sha256(
    pictures: Mapping[str, bytes], sha256_of: Callable[[bytes], str] = sha256
) -> str:
    """Hexadecimal SHA-256 of a list of pictures: extension and SHA-256 of each, sorted.

    sha256_of: of one picture, which may be known already. The sample's key is no part of it.
    """
    with stage("hash", sum(map(len, pictures.values()))):
        lines = [
            f"{extension} {sha256_of(pictures[extension])}\n" for extension in sorted(pictures)
        ]
        return sha256("".join(lines).encode())


def params_text(params: Mapping[str, Any]) -> str:
    """The params that a decoder needs, as canonical JSON: how they stand in a sample's json."""
    return _canonical(params)


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


def _facts(row: Row, job: Job, geometry: Geometry, ask: Ask) -> dict[str, Any]:
    """What a sample's json says: the same keys and types in every sample, whatever its task."""
    return {
        "task": row.task,
        "source": row.source,
        "dataset": job.datasets[row.source],
        "sample_id": row.entry.id,
        "group": row.entry.group,
        "license": row.entry.license,
        "pass": row.pass_,
        "seed": job.seed,
        "width": geometry.width,
        "height": geometry.height,
        "source_width": geometry.source[0],
        "source_height": geometry.source[1],
        "scaled_width": geometry.scaled[0],
        "scaled_height": geometry.scaled[1],
        "crop_left": geometry.left,
        "crop_top": geometry.top,
        "blank_input": bool(plugins.task(row.task).BLANK_INPUT),
        "params": params_text(ask.params),
    }


def _geometry(row: Row, job: Job) -> Geometry:
    entry, spec = row.entry, job.image
    bounds = spec["max_pixels"], spec["multiple_of"]
    return geometry_for(entry.width, entry.height, *bounds, _sizes(spec))


def _sizes(spec: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    """The only sizes (width, height) that a recipe's images may have, none if any size will do."""
    listed = [spec["size"]] if "size" in spec else spec.get("buckets", [])
    return tuple((width, height) for width, height in listed)


def _label(loaded: Labelled, task: ModuleType, device: str) -> Any:
    """What the task renders, at the output size; images have that size already.

    On the CPU in NumPy's arrays, else in tensors on the device, if the task takes them.
    """
    where = device if device != "cpu" and "torch" in plugins.arrays_of(task) else NUMPY
    if isinstance(loaded.label, np.ndarray):
        return placed(loaded.label, where)
    return moved(loaded.label, where).fit(loaded.geometry)
