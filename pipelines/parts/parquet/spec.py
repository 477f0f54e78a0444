"""The nouns of the reader `parquet`: its options, read and checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..folders import depth, normals
from ..folders.cameras import Camera
from ..folders.patterns import Pattern
from ..folders.spec import SegmentsSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedSpec:
    """Edited images. instructions: columns of texts; said: texts for every row.

    fit: how an edited image of another size gets that of its input (fit.py); size: two columns.
    """

    instructions: tuple[str, ...]
    said: tuple[str, ...]
    fit: str
    size: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """All options of a source.

    files: patterns, none for every Parquet file; pictures: role -> column of image, edited, depth,
    normals, segments, instances; captions: columns; size: two columns; camera: numbers or a column.
    """

    files: tuple[Pattern, ...]
    split: str
    pictures: dict[str, str]
    captions: tuple[str, ...]
    depth: depth.Coding | None
    normals: normals.Coding | None
    segments: SegmentsSpec | None
    edited: EditedSpec | None
    size: tuple[str, ...]
    camera: Camera | str | None
    group: str
    licence: str
    exif: str

    @property
    def maps(self) -> bool:
        """Whether a row has labels that lie on the pixels of its picture."""
        return bool(self.depth or self.normals or self.segments)

    def texts(self) -> Iterator[tuple[str, str]]:
        """(option, column) of all that is no picture, but for those of `group`."""
        for column in self.captions:
            yield "captions", column
        for column in self.size:
            yield "size", column
        if isinstance(self.camera, str):
            yield "camera", self.camera
        if self.edited:
            for column in self.edited.instructions:
                yield "edited.instructions", column
            for column in self.edited.size:
                yield "edited.size", column
