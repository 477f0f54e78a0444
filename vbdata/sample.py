"""Make one sample: read a record, fit it to the output size, ask, render, encode.

A pure function of a planned row; everything that can be wrong with a record is a BadSample.
"""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata import images, plugins
from vbdata.errors import BadSample
from vbdata.geometry import geometry_for
from vbdata.nouns import Ask, Geometry, Job, Label, Row, Sample, moved
from vbdata.png import encode_png
from vbdata.rand import Stream
from vbdata.storage import Root
from vbdata.watched import Watched

if TYPE_CHECKING:
    from torch import Tensor

BLANK = 0  # the value of a blank input's pixels


class Made(NamedTuple):
    """A finished sample: tar members by extension, and its line in the manifest."""

    members: dict[str, bytes]
    facts: dict[str, Any]


class _Tally(Watched):
    """A root that keeps the digest of all that is read from it."""

    def __init__(self, root: Root) -> None:
        super().__init__(root)
        self.read_digest = hashlib.sha256()

    def read(self, path: str) -> bytes:
        data = super().read(path)
        self.read_digest.update(data)
        return data

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        data = super().read_range(path, offset, size)
        self.read_digest.update(data)
        return data


class Loaded(NamedTuple):
    """A record in memory: what the task draws, and the input image as it will stand in the tar."""

    label: Label | images.Pixels
    geometry: Geometry
    input: bytes
    raw_sha256: str


def load_row(row: Row, job: Job, root: Root) -> Loaded:
    """Read and decode a record, and make its input image."""
    tally, spec, entry = _Tally(root), job.image, row.entry
    task, reader = plugins.task(row.task), plugins.dataset(job.datasets[row.source])
    sample: Sample = reader.load(tally, entry, tuple(k for k in task.NEEDS if k != "image"))
    geometry = geometry_for(entry.width, entry.height, spec["max_pixels"], spec["multiple_of"])
    picture = _Picture(sample.image, geometry, entry.files["image"].path)
    if task.BLANK_INPUT:
        encoded = _blank(geometry.width, geometry.height, spec["input"])
    else:
        encoded = picture.encoded(spec["input"])
    kind = task.NEEDS[0]
    label = picture.pixels if kind == "image" else sample.labels[kind]
    if kind != "image" and isinstance(label, bytes | np.ndarray):
        file = entry.files[kind].path if kind in entry.files else ""
        label = _Picture(label, geometry, file).pixels
    return Loaded(label, geometry, encoded, tally.read_digest.hexdigest())


def make_sample(row: Row, loaded: Loaded, job: Job, device: str) -> Made:
    """Ask, render and encode. Geometry first, colours last."""
    task = plugins.task(row.task)
    ask = ask_for(row, job)
    label = _label(loaded, device)
    target: Tensor = task.render(label, ask.params)
    error = _proven(row.task, label, target, ask)
    valid = task.valid(label, ask.params).cpu().numpy()
    good = int(np.count_nonzero(valid))
    if not good:
        raise BadSample("all invalid", "no valid pixel is left in the output image")
    facts = _facts(row, job, loaded.geometry, ask)
    members = {
        f"input.{job.image['input']}": loaded.input,
        "target.png": encode_png(target.cpu().numpy()),
        "valid.png": _mask_png(valid) if good < valid.size else _full_png(*valid.shape),
        "instruction.txt": ask.instruction.encode(),
        "json": json.dumps(facts, sort_keys=True, separators=(",", ":")).encode(),
    }
    more = {
        "instruction": ask.instruction,
        "raw_sha256": loaded.raw_sha256,
        "valid_share": round(good / valid.size, 6),
        "roundtrip_error": error,
    }
    return Made(members, facts | more)


def _proven(name: str, label: Any, target: Tensor, ask: Ask) -> float:
    """The error of the target's own decoding, in the task's unit. Above its tolerance is a bug."""
    task = plugins.task(name)
    error: float = task.roundtrip(label, target, ask.params)
    if not error <= task.TOLERANCE:
        raise BadSample(
            "round trip",
            f"a bug: the target decodes to its label only within {error:g} {task.UNIT}, "
            f"not {task.TOLERANCE:g}; params {json.dumps(ask.params)[:200]}",
        )
    return round(error, 9)


def ask_for(row: Row, job: Job) -> Ask:
    """The prompt of a planned row: a function of names, not of its place."""
    rng = Stream(job.seed, "ask", *row.cell, row.entry.id, row.pass_)
    options = job.options.get(row.task, {})
    ask: Ask = plugins.task(row.task).ask(
        row.entry, rng, vocabulary=job.vocabulary[row.source], **options
    )
    return ask


def _facts(row: Row, job: Job, geometry: Geometry, ask: Ask) -> dict[str, Any]:
    """The sample's JSON: the same keys and types in every sample."""
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
        "params": json.dumps(ask.params, sort_keys=True, separators=(",", ":")),
    }


def _label(loaded: Loaded, device: str) -> Any:
    """What the task renders, at the output size, on the device; pixels are fitted already."""
    import torch

    if isinstance(loaded.label, np.ndarray):
        return torch.from_numpy(loaded.label).to(device)
    return moved(loaded.label, device).fit(loaded.geometry)


class _Picture:
    """An image of a record, decoded at most once and only if somebody asks."""

    def __init__(self, image: bytes | images.Pixels, geometry: Geometry, file: str) -> None:
        self._image, self.geometry, self._file = image, geometry, file

    @functools.cached_property
    def pixels(self) -> images.Pixels:
        """uint8 RGB [H, W, 3] at the output size."""
        image = self._image
        rgb = images.decode_rgb(image, self._file) if isinstance(image, bytes) else image
        if (rgb.shape[1], rgb.shape[0]) != self.geometry.source:
            raise self._wrong_size(rgb.shape[1], rgb.shape[0])
        return images.fit_rgb(rgb, self.geometry)

    def encoded(self, kind: str) -> bytes:
        """The file's own bytes where they can stand as they are, else encoded once."""
        image = self._image
        if kind == "jpg" and isinstance(image, bytes) and images.is_jpeg(image):
            head = images.jpeg_header(image, self._file)
            if (head.width, head.height) != self.geometry.source:
                raise self._wrong_size(head.width, head.height)
            if head.plain and self.geometry.identity:
                images.check_jpeg(image, self._file)
                return image
        return encode_png(self.pixels) if kind == "png" else images.encode_jpeg(self.pixels)

    def _wrong_size(self, width: int, height: int) -> BadSample:
        w, h = self.geometry.source
        return BadSample("wrong size", f"{width}x{height}, annotated as {w}x{h}", self._file)


@functools.lru_cache(maxsize=256)
def _blank(width: int, height: int, kind: str) -> bytes:
    pixels = np.full((height, width, 3), BLANK, np.uint8)
    return encode_png(pixels) if kind == "png" else images.encode_jpeg(pixels)


def _mask_png(mask: NDArray[np.bool_]) -> bytes:
    """A grey PNG of 255 where the mask is true, 0 elsewhere."""
    return encode_png(mask.view(np.uint8) * np.uint8(255))


@functools.lru_cache(maxsize=256)
def _full_png(height: int, width: int) -> bytes:
    return _mask_png(np.ones((height, width), np.bool_))
