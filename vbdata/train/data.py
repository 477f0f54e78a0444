"""Open finished builds and read any one of their samples by its bytes in the tar.

A build may lie on disk or behind any fsspec URL; a sample is one read of a byte range. What does
not agree with the manifest ends the run: training never skips a sample in silence.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vbdata.core import images
from vbdata.core.types import Cell, Geometry
from vbdata.errors import BadSample, BuildError
from vbdata.layout import MANIFEST, offsets_path, rows_path
from vbdata.manifest.json_text import manifest_digest
from vbdata.shard import tar
from vbdata.storage.folder import Folder

COLUMNS = ["key", "shard", "source", "task", "width", "height", "blank_input"]
Ints = NDArray[np.int64]


class Picture(NamedTuple):
    """A sample as pixels. given, target: uint8[H, W, 3]; valid: bool[H, W]; blank: no input."""

    given: images.Pixels
    target: images.Pixels
    valid: NDArray[np.bool_]
    text: str
    blank: bool

    @property
    def bytes(self) -> int:
        """Memory of the pixels."""
        return self.given.nbytes + self.target.nbytes + self.valid.nbytes


@dataclass(frozen=True, slots=True)
class Shard:
    """A tar of a build, and where its samples start; the offsets are read at the first use."""

    folder: Folder
    tar: str
    samples: int
    _offsets: list[Ints] = field(default_factory=list)

    def read(self, at: int) -> Mapping[str, bytes]:
        """The members of the sample at a place, by extension. Raises BuildError."""
        try:
            start, end = self.offsets[at : at + 2]
            data = self.folder.read_range(self.tar, int(start), int(end - start))
            if len(data) != end - start:
                raise ValueError(f"{len(data)} bytes at {start}, expected {end - start}")
            return dict(_members(data))
        except (BadSample, ValueError, OSError) as err:
            raise BuildError(f"{self.folder.url}/{self.tar}, sample {at}: {err}") from err

    @property
    def offsets(self) -> Ints:
        """int64[samples + 1]: each sample's first byte, then the end."""
        if not self._offsets:
            found = np.frombuffer(self.folder.read(offsets_path(self.tar)), "<u8").astype(np.int64)
            if len(found) != self.samples + 1 or (np.diff(found) < tar.BLOCK).any():
                raise ValueError(f"{self.tar}.idx: not the offsets of {self.samples} samples")
            self._offsets.append(found)
        return self._offsets[0]


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(data):
        name = data[at : at + 100].rstrip(b"\0").decode("ascii", "replace")
        digits = data[at + 124 : at + 135]
        size = int(digits, 8) if digits.isdigit() else -1
        start = at + tar.BLOCK
        if size < 0 or start + size > len(data) or data[at:start] != tar.header(name, size):
            raise ValueError(f"no header of ours at byte {at} of the sample")
        yield name.partition(".")[2], data[start : start + size]
        at = start + size + -size % tar.BLOCK


@dataclass(frozen=True, slots=True)
class Corpus:
    """The samples of one or several builds as columns; a row is one sample.

    cells: all (source, task), the number of a row's cell in `cell`; shard, at: where it lies;
    width, height: of its images in pixels; shares: the builds' own mixture, samples of each cell.
    """

    digests: tuple[str, ...]
    shards: tuple[Shard, ...]
    cells: tuple[Cell, ...]
    keys: NDArray[np.str_]
    cell: Ints
    shard: Ints
    at: Ints
    width: Ints
    height: Ints
    blank: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks, sorted."""
        return tuple(sorted({task for _, task in self.cells}))

    def task(self, row: int) -> str:
        """A row's task."""
        return self.cells[self.cell[row]][1]

    def shares(self) -> list[Fraction]:
        """The builds' own mixture: each cell's number of samples."""
        return [Fraction(int(n)) for n in np.bincount(self.cell, minlength=len(self.cells))]

    def picture(self, row: int) -> Picture:
        """Read and decode a sample. Raises BuildError."""
        shard = self.shards[self.shard[row]]
        parts = shard.read(int(self.at[row]))
        try:
            given = next(parts[name] for name in parts if name.startswith("input."))
            picture = Picture(
                given=images.decode_rgb(given),
                target=images.decode_rgb(parts["target.png"]),
                valid=images.decode_png_raw(parts["valid.png"]) > 0,
                text=parts["instruction.txt"].decode(),
                blank=bool(self.blank[row]),
            )
        except (BadSample, StopIteration, KeyError, ValueError) as err:
            where = f"{shard.folder.url}/{shard.tar}, {self.keys[row]}"
            raise BuildError(f"{where}: {type(err).__name__}: {err}") from err
        size = (int(self.height[row]), int(self.width[row]))
        if any(part.shape[:2] != size for part in picture[:3]):
            raise BuildError(f"{shard.tar}, {self.keys[row]}: not {size[1]}x{size[0]} throughout")
        return picture


def open_builds(urls: Sequence[str]) -> Corpus:
    """The samples of finished builds, in their order. Raises BuildError."""
    digests: list[str] = []
    shards: list[Shard] = []
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in [*COLUMNS, "at"]}
    for folder in map(Folder, urls):
        manifest = _manifest(folder)
        with folder.local_copy(rows_path(manifest["split"])) as file:
            table = pq.read_table(file, columns=COLUMNS)
        columns["at"].append(_places(table["shard"].to_numpy()))
        for name in COLUMNS:
            columns[name].append(table[name].to_numpy())
        columns["shard"][-1] = columns["shard"][-1] + len(shards)
        digests.append(manifest["digest"])
        shards += [Shard(folder, one["tar"], one["samples"]) for one in manifest["shards"]]
    whole = {name: np.concatenate(parts) for name, parts in columns.items()}
    return _corpus(whole, digests, shards)


def _manifest(folder: Folder) -> dict[str, Any]:
    if not folder.exists(MANIFEST):
        raise BuildError(f"{folder.url} holds no finished build: {MANIFEST} is missing")
    try:
        manifest: dict[str, Any] = json.loads(folder.read(MANIFEST))
        if manifest_digest(manifest) != manifest["digest"]:
            raise ValueError("its digest is not that of its content; it was edited")
    except (ValueError, KeyError, TypeError) as err:
        raise BuildError(f"{folder.url}/{MANIFEST} cannot be used: {err}") from err
    return manifest


def _places(shard: Ints) -> Ints:
    """Each row's place in its shard; the rows of a shard stand together."""
    starts = np.flatnonzero(np.diff(shard, prepend=-1))
    return np.arange(len(shard)) - np.repeat(starts, np.diff(starts, append=len(shard)))


def _corpus(whole: Mapping[str, NDArray[Any]], digests: list[str], shards: list[Shard]) -> Corpus:
    if not len(whole["key"]):
        raise BuildError("the builds hold no samples")
    pairs = list(zip(whole["source"], whole["task"], strict=True))
    number = {cell: k for k, cell in enumerate(sorted(set(pairs)))}
    numbers = {name: whole[name].astype(np.int64) for name in ("shard", "at", "width", "height")}
    return Corpus(
        digests=tuple(digests),
        shards=tuple(shards),
        cells=tuple(number),
        keys=whole["key"].astype(np.str_),
        cell=np.fromiter((number[pair] for pair in pairs), np.int64, len(pairs)),
        blank=whole["blank_input"].astype(np.bool_),
        **numbers,
    )


def fit(picture: Picture, width: int, height: int, label: bool) -> Picture:
    """Scale so that the whole of width x height is covered, then crop the centre.

    A label's colours are picked (a mean of two is a third); photographs are averaged.
    """
    h, w = picture.valid.shape
    if (w, h) == (width, height):
        return picture
    scale = max(Fraction(width, w), Fraction(height, h))
    scaled = (max(width, round(w * scale)), max(height, round(h * scale)))
    left, top = (scaled[0] - width) // 2, (scaled[1] - height) // 2
    geometry = Geometry(
        source=(w, h), scaled=scaled, left=left, top=top, width=width, height=height
    )
    rows, columns = (nearest(h, scaled[1], top, height), nearest(w, scaled[0], left, width))
    target = picture.target
    return picture._replace(
        given=_photograph(picture.given, geometry),
        target=target.take(rows, 0).take(columns, 1) if label else _photograph(target, geometry),
        valid=picture.valid.take(rows, 0).take(columns, 1),
    )


def nearest(source: int, scaled: int, start: int, count: int) -> Ints:
    """Which of `source` pixels lies under each of `count` pixels of the scaled row, from start."""
    return (2 * np.arange(start, start + count) + 1) * source // (2 * scaled)


def _photograph(rgb: images.Pixels, geometry: Geometry) -> images.Pixels:
    if all(a <= b for a, b in zip(geometry.scaled, geometry.source, strict=True)):
        return images.fit_rgb(rgb, geometry)
    import cv2

    large = np.asarray(cv2.resize(rgb, geometry.scaled, interpolation=cv2.INTER_LINEAR), np.uint8)
    bottom, right = geometry.top + geometry.height, geometry.left + geometry.width
    return np.ascontiguousarray(large[geometry.top : bottom, geometry.left : right])
