"""Open finished builds and read any one of their samples by its bytes in the tar.

A build may lie on disk or behind any fsspec URL; a sample is one read of a byte range. What does
not agree with the manifest ends the run: training never skips a sample in silence. A model is given
one input: further pictures of an edit's question (references) are not read, and `Corpus.references`
says how many samples have some.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbdata.core import images, members
from vbdata.core.types import Cell, Geometry
from vbdata.errors import BadSample, BuildError
from vbdata.manifest.opened import Build, open_build
from vbdata.manifest.sample import target_of
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
class Corpus:
    """The samples of one or several builds as columns; a row is one sample.

    builds: as they were opened; cells: all (source, task), the number of a row's cell in `cell`;
    build, shard, at: where it lies: in which build, in which of its shards, at which place of that;
    width, height: of its images in pixels; shares: the builds' own mixture, samples of each cell.
    """

    builds: tuple[Build, ...]
    cells: tuple[Cell, ...]
    keys: NDArray[np.str_]
    cell: Ints
    build: Ints
    shard: Ints
    at: Ints
    width: Ints
    height: Ints
    blank: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests of the builds, in order."""
        return tuple(build.manifest.digest for build in self.builds)

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks, sorted."""
        return tuple(sorted({task for _, task in self.cells}))

    @property
    def references(self) -> int:
        """How many samples have further pictures beside the input, which no model is given."""
        first = f"{members.REFERENCE}1"
        return sum(
            count
            for build in self.builds
            for name, count in build.manifest.members.items()
            if members.role(name) == first
        )

    def task(self, row: int) -> str:
        """A row's task."""
        return self.cells[self.cell[row]][1]

    def shares(self) -> list[Fraction]:
        """The builds' own mixture: each cell's number of samples."""
        return [Fraction(int(n)) for n in np.bincount(self.cell, minlength=len(self.cells))]

    def picture(self, row: int) -> Picture:
        """Read and decode a sample. Raises BuildError."""
        build, number, key = self.builds[self.build[row]], int(self.shard[row]), str(self.keys[row])
        tar = build.manifest.shards[number].tar
        try:
            build.offsets(number)  # read once a shard: then every sample is one request
            parts = build.read(number, int(self.at[row]), key)
        except (BadSample, OSError) as err:
            raise BuildError(f"{build.folder.url}/{tar}, {key}: {err}") from err
        size = (int(self.width[row]), int(self.height[row]))
        try:
            target, valid = target_of(parts, key, size, self.task(row))
            picture = Picture(
                given=images.decode_rgb(parts[members.named(parts, members.INPUT)]),
                target=target,
                valid=valid,
                text=parts[members.INSTRUCTION].decode(),
                blank=bool(self.blank[row]),
            )
        except (BadSample, KeyError, ValueError) as err:
            where = f"{build.folder.url}/{tar}, {key}"
            raise BuildError(f"{where}: {type(err).__name__}: {err}") from err
        if picture.given.shape[1::-1] != size:
            raise BuildError(f"{tar}, {key}: its input is not {size[0]}x{size[1]}")
        return picture


def open_builds(urls: Sequence[str]) -> Corpus:
    """The samples of finished builds, in their order.

    Raises BuildError, also if the rows of one were changed. Of a tar that was changed not every
    sample tells: `vbdata verify` reads it whole.
    """
    builds = tuple(open_build(Folder(url)) for url in urls)
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in (*COLUMNS, "build", "at")}
    for number, build in enumerate(builds):
        build.check(build.manifest.rows)
        table = build.columns(COLUMNS)
        shard, at = build.shard_of(np.arange(len(table)))
        if not np.array_equal(table["shard"].to_numpy(), shard):
            raise build.damaged(
                f"{build.manifest.rows}: its rows are not in the order of the shards"
            )
        for name in COLUMNS:
            columns[name].append(np.asarray(_plain(table[name])))
        columns["at"].append(at)
        columns["build"].append(np.full(len(table), number))
    return _corpus({name: np.concatenate(parts) for name, parts in columns.items()}, builds)


def _plain(column: pa.ChunkedArray) -> NDArray[Any]:
    """A column's values, texts as Python's own."""
    text = pa.types.is_dictionary(column.type)
    values: NDArray[Any] = (column.cast(pa.string()) if text else column).to_numpy()
    return values


def _corpus(whole: Mapping[str, NDArray[Any]], builds: tuple[Build, ...]) -> Corpus:
    if not len(whole["key"]):
        raise BuildError("the builds hold no samples")
    pairs = list(zip(whole["source"], whole["task"], strict=True))
    number = {cell: k for k, cell in enumerate(sorted(set(pairs)))}
    names = ("build", "shard", "at", "width", "height")
    numbers = {name: whole[name].astype(np.int64) for name in names}
    return Corpus(
        builds=builds,
        cells=tuple(number),
        keys=whole["key"].astype(np.str_),
        cell=np.fromiter((number[pair] for pair in pairs), np.int64, len(pairs)),
        blank=whole["blank_input"].astype(np.bool_),
        **numbers,
    )


def fit(
    picture: Picture, width: int, height: int, label: bool, drawn_input: bool = False
) -> Picture:
    """Scale so that the whole of width x height is covered, then crop the centre.

    label, drawn_input: whether the colours of target and input are a label: they are picked, as a
    mean of two is a third; photographs are averaged.
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

    def fitted(rgb: images.Pixels, coded: bool) -> images.Pixels:
        return rgb.take(rows, 0).take(columns, 1) if coded else _photograph(rgb, geometry)

    return picture._replace(
        given=fitted(picture.given, drawn_input),
        target=fitted(picture.target, label),
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
