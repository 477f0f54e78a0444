"""Origins: a digest of all that decides a sample's pictures, but its raw bytes and its params.

Two planned samples of one origin that also have the same raw bytes and the same decoder's params
have the same pictures. That is how samples of earlier builds are found (vbdata.shard.reuse).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from typing import Any

from vbdata import plugins
from vbdata.core.rng import word_of
from vbdata.core.types import Geometry


def origin_of(
    dataset: str, task: str, image: Mapping[str, Any], geometry: Geometry, entry: str
) -> str:
    """The origin of a sample, as hexadecimal SHA-256.

    dataset: the reader; image: the recipe's, of which kinds of pictures count, `target` for
    photographs alone; entry: the digest of the entry (vbdata.index.facts.entry_digest). The code of
    reader, task and engine is part of it; the place in the data set, the source's name, the seed
    and the mixture are not.
    """
    kinds = (image["input"], image["target"] if plugins.photograph(task) else "")
    code = (
        plugins.engine_digest(),
        plugins.code_digest(plugins.DATASETS, dataset),
        plugins.code_digest(plugins.TASKS, task),
    )
    digest = _begun(code, kinds).copy()
    g = geometry
    frame = (*g.source, *g.scaled, g.left, g.top, g.width, g.height)
    digest.update(repr((frame, entry)).encode())
    return digest.hexdigest()


@functools.lru_cache(1 << 8)
def _begun(code: tuple[str, ...], kinds: tuple[str, ...]) -> hashlib._Hash:
    """The digest so far of what all samples of a reader, a task and their kinds have in common."""
    return hashlib.sha256(repr((code, kinds)).encode())


def draw_word(seed: int, source: str, pass_: int) -> int:
    """A 64-bit word that stands for (seed, source, pass), by which an entry's prompt is drawn.

    Samples of one entry and task with the same word have the same prompt and params.
    """
    return word_of(seed, source, pass_)


def origin_word(origin: str) -> int:
    """The first 64 bits of an origin, as a number: held in memory for every earlier sample."""
    return int(origin[:16], 16)
