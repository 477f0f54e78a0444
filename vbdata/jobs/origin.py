"""Origins: all that decides a sample's pictures but its raw bytes and its prompt's params.."""

from __future__ import annotations

import hashlib

from vbdata import plugins
from vbdata.core.rng import word_of
from vbdata.core.types import Geometry


def origin_of(dataset: str, task: str, kind: str, geometry: Geometry, entry: str) -> str:
    """The same of a reader, a task, the kind of input, a geometry and an entry's digest."""
    said = (
        plugins.engine_digest(),
        plugins.code_digest(plugins.DATASETS, dataset),
        plugins.code_digest(plugins.TASKS, task),
        kind,
        geometry,
        entry,
    )
    return hashlib.sha256(repr(said).encode()).hexdigest()


def draw_word(seed: int, source: str, pass_: int) -> int:
    """A word for what a prompt is drawn by, besides its entry and task."""
    return word_of(seed, source, pass_)


def origin_word(origin: str) -> int:
    """The first 64 bits of an origin's digest."""
    return int(origin[:16], 16)
