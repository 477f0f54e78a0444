"""Build one shard: a pure function from a job to a tar and its receipt.

Knows nothing of Ray, other shards, clocks or hosts. A damaged record is put into the receipt's
quarantine and the next spare of its cell takes the slot.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vbdata import images, plugins
from vbdata.errors import BadSample
from vbdata.geometry import geometry_for
from vbdata.nouns import Ask, Geometry, Job, Receipt, Row, Sample, moved
from vbdata.png import encode_png
from vbdata.rand import Stream
from vbdata.storage import Folder
from vbdata.tar import TarWriter

if TYPE_CHECKING:
    from torch import Tensor

BLANK = 0  # the value of a blank input's pixels


def build_shard(job: Job, out: Folder, device: str = "cpu") -> Receipt:
    """Write the tar, its offsets and, last, its receipt; return the receipt."""
    roots = {source: Folder(url) for source, url in job.roots.items()}
    samples: list[dict[str, Any]] = []
    quarantine: list[dict[str, Any]] = []
    shortfall: list[int] = []
    spares = {
        cell: [s for s in job.spares if s.cell == cell] for cell in {r.cell for r in job.rows}
    }
    with TemporaryDirectory(prefix="vbdata-", dir=_spool(job, out)) as temporary:
        path = Path(temporary) / "shard.tar"
        with TarWriter(path) as tar:
            for row in job.rows:
                made = _first_good(row, spares[row.cell], job, roots, device, quarantine)
                if made is None:
                    shortfall.append(row.slot)
                    continue
                tar.add(job.key(row.slot), made.members)
                samples.append({"key": job.key(row.slot)} | made.facts)
        out.write(f"{job.tar}.idx", tar.index())
        out.put(path, job.tar)
    receipt = Receipt(
        job=job.digest,
        shard=job.shard,
        tar=job.tar,
        sha256=tar.sha256,
        size=tar.size,
        samples=tuple(samples),
        quarantine=tuple(quarantine),
        shortfall=tuple(shortfall),
    )
    out.write(receipt_path(job.digest), json.dumps(asdict(receipt), sort_keys=True).encode())
    return receipt


def receipt_path(digest: str) -> str:
    """Where the receipt of a job lies in the output folder."""
    return f"receipts/{digest}.json"


def read_receipt(out: Folder, digest: str) -> Receipt | None:
    """The receipt of a job, if its shard is finished."""
    if not out.exists(receipt_path(digest)):
        return None
    plain = json.loads(out.read(receipt_path(digest)))
    for key in ("samples", "quarantine", "shortfall"):
        plain[key] = tuple(plain[key])
    return Receipt(**plain)


def _spool(job: Job, out: Folder) -> str | None:
    """Spool beside the final file where that is a local disk, so that a rename is enough."""
    if not out.local:
        return None
    folder = os.path.dirname(out.at(job.tar))
    os.makedirs(folder, exist_ok=True)
    return folder


class Made(NamedTuple):
    """A finished sample: tar members by extension, and its line in the manifest."""

    members: dict[str, bytes]
    facts: dict[str, Any]


def _first_good(
    row: Row,
    spares: list[Row],
    job: Job,
    roots: Mapping[str, Folder],
    device: str,
    quarantine: list[dict[str, Any]],
) -> Made | None:
    """The planned sample, or that of the first spare of its cell that is not damaged."""
    attempt: Row | None = row
    while attempt is not None:
        stage = "load"
        try:
            loaded = _load(attempt, job, roots[attempt.source])
            stage = "render"
            return _make(attempt, loaded, job, device)
        except BadSample as bad:
            quarantine.append(_quarantine_line(attempt, row.slot, job, stage, bad))
        attempt = replace(spares.pop(0), slot=row.slot) if spares else None
    return None


def _quarantine_line(row: Row, slot: int, job: Job, stage: str, bad: BadSample) -> dict[str, Any]:
    return {
        "source": row.source,
        "task": row.task,
        "sample_id": row.entry.id,
        "stage": stage,
        "reason": bad.reason,
        "detail": bad.detail,
        "file": bad.file,
        "key": job.key(slot),
    }


class _Tally(Folder):
    """A folder that keeps the digest of all that is read from it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.read_digest = hashlib.sha256()

    def read(self, path: str) -> bytes:
        data = super().read(path)
        self.read_digest.update(data)
        return data


class _Loaded(NamedTuple):
    sample: Sample
    picture: _Picture
    input: bytes
    raw_sha256: str


def _load(row: Row, job: Job, root: Folder) -> _Loaded:
    """Read a record and make its input image."""
    tally, spec, entry = _Tally(root.url), job.image, row.entry
    task, reader = plugins.task(row.task), plugins.dataset(job.datasets[row.source])
    sample: Sample = reader.load(tally, entry, tuple(k for k in task.NEEDS if k != "image"))
    geometry = geometry_for(entry.width, entry.height, spec["max_pixels"], spec["multiple_of"])
    picture = _Picture(sample, geometry, entry.files["image"].path)
    if task.BLANK_INPUT:
        encoded = _blank(geometry.width, geometry.height, spec["input"])
    else:
        encoded = picture.encoded(spec["input"])
    return _Loaded(sample, picture, encoded, tally.read_digest.hexdigest())


def _make(row: Row, loaded: _Loaded, job: Job, device: str) -> Made:
    """Ask, render and encode. Geometry first, colours last."""
    task = plugins.task(row.task)
    ask = ask_for(row, job.seed)
    label = _label(task.NEEDS[0], loaded, device)
    target: Tensor = task.render(label, ask.params)
    valid = np.where(task.valid(label, ask.params).cpu().numpy(), np.uint8(255), np.uint8(0))
    if not valid.any():
        raise BadSample("all invalid", "no valid pixel is left in the output image")
    facts = _facts(row, job, loaded.picture.geometry, ask)
    members = {
        f"input.{job.image['input']}": loaded.input,
        "target.png": encode_png(target.cpu().numpy()),
        "valid.png": encode_png(valid),
        "instruction.txt": ask.instruction.encode(),
        "json": json.dumps(facts, sort_keys=True, separators=(",", ":")).encode(),
    }
    share = round(float(valid.mean()) / 255, 6)
    more = {"instruction": ask.instruction, "raw_sha256": loaded.raw_sha256, "valid_share": share}
    return Made(members, facts | more)


def ask_for(row: Row, seed: int) -> Ask:
    """The prompt of a planned row: a function of names, not of its place."""
    rng = Stream(seed, "ask", *row.cell, row.entry.id, row.pass_)
    ask: Ask = plugins.task(row.task).ask(row.entry, rng)
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


def _label(kind: str, loaded: _Loaded, device: str) -> Any:
    """The label that the task renders, at the output size, on the device."""
    import torch

    if kind == "image":
        return torch.from_numpy(loaded.picture.pixels).to(device)
    return moved(loaded.sample.labels[kind], device).fit(loaded.picture.geometry)


class _Picture:
    """The input image of a record, decoded at most once and only if somebody asks."""

    def __init__(self, sample: Sample, geometry: Geometry, file: str) -> None:
        self._image, self.geometry, self._file = sample.image, geometry, file

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
