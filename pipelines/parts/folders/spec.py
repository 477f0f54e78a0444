"""The nouns of the reader `folders`: its options, read and checked.

KINDS are the labels that a source may have; everything else says where their files are, and what of
their contents no file says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import depth, normals
from .cameras import Camera
from .names import Columns
from .patterns import Pattern

KINDS = ("depth", "normals", "segments", "matte", "captions", "expressions", "edited")


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Which files a kind has.

    patterns: alternatives, of which the first counts that any file matches; shared: whether one
    file may be that of several images; nearest: a part whose numbers need only be near, and how.
    """

    patterns: tuple[Pattern, ...]
    shared: bool = False
    nearest: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSpec:
    """Intrinsics: numbers, or files. at, dataset: the keys, or the array, that they are under."""

    numbers: Camera | None
    files: Files | None
    at: tuple[str, ...]
    dataset: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthSpec:
    """Depth. camera: that of the map where it is not the picture's; metric: in metres."""

    files: Files
    coding: depth.Coding
    camera: CameraSpec | None
    metric: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseSpec:
    """Where poses are, and whether a pose turns from the camera to the world."""

    files: Files
    to_world: bool
    at: tuple[str, ...]
    dataset: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalsSpec:
    """Normals. pose: of those in world axes."""

    files: Files
    coding: normals.Coding
    pose: PoseSpec | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentsSpec:
    """Segments. table: names in the recipe, else `named` has files of them.

    void, background: codes, or names; things: classes that can be counted, None for all.
    """

    files: Files
    coding: str
    instances: Files | None
    table: Mapping[int, str] | None
    named: Files | None
    columns: Columns
    text: str
    void: tuple[str, ...]
    background: tuple[str, ...]
    things: frozenset[str] | None
    dataset: str
    channels: tuple[str, ...]
    resize: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MatteSpec:
    """Mattes. channel: one of mattes.CHANNELS, "" for the alpha of files that have one."""

    files: Files
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSpec:
    """Texts, by files of their own or by JSONL. keys: column by role, "" for the usual names.

    said: instructions that hold for every image.
    """

    files: Files
    keys: Mapping[str, str]
    said: tuple[str, ...] = ()
    instructions: Files | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """All options of a source. optional: kinds that a preset has, and the root need not."""

    images: Pattern
    dataset: str
    split: str
    lists: str
    depth: DepthSpec | None
    normals: NormalsSpec | None
    segments: SegmentsSpec | None
    matte: MatteSpec | None
    captions: TextSpec | None
    expressions: TextSpec | None
    edited: TextSpec | None
    camera: CameraSpec | None
    group: str
    licence: str
    exif: str
    optional: tuple[str, ...]

    def files(self) -> dict[str, Files]:
        """The files of every kind that is given, by kind."""
        every = {kind: getattr(self, kind) for kind in KINDS}
        return {kind: spec.files for kind, spec in every.items() if spec is not None}
