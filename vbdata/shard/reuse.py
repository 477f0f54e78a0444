"""Copy a sample's pictures from an earlier build instead of drawing them again.

What is copied is what a build from nothing would draw, or it is not copied. A sample is looked up
by all that decides its pictures (shard.sample.origin_sha256) and by its prompt's params; its raw
bytes are read again and must have the digest that they had; and so must the bytes of the pictures.
Its words, which cost nothing, are made anew: the same picture may have another key, pass or prompt.

An earlier build is trusted as much as the folder that a build is resumed in: whoever can write
there can put pictures of his own in the place of drawn ones.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import NamedTuple

from vbdata import plugins
from vbdata.errors import BadSample, BuildError
from vbdata.jobs.job import Job, Row
from vbdata.shard.reads import still
from vbdata.shard.sample import (
    Drawn,
    Made,
    ask_for,
    finished,
    origin_sha256,
    params_text,
    pictures_sha256,
)
from vbdata.shard.tar_read import split_sample
from vbdata.storage.folder import Folder, Root

REUSED = "reused"
CHANGED = "the raw data has changed"
DAMAGED = "damaged: "  # and the tar

Counts = Counter[str]


class Old(NamedTuple):
    """A sample of an earlier build: where its bytes lie, and what is known of them.

    content: `content_sha256` of what it was made of; offset, size: its bytes in the tar.
    """

    content: str
    folder: str
    tar: str
    key: str
    offset: int
    size: int
    pictures_sha256: str
    raw_sha256: str
    reads: str
    valid_share: float
    roundtrip_error: float


def content_sha256(origin: str, params: str) -> str:
    """Digest of all that decides a sample's pictures, its raw bytes left aside."""
    return hashlib.sha256(f"{origin}\n{params}".encode()).hexdigest()


def copied(row: Row, job: Job, root: Root, counts: Counts) -> Made | None:
    """The sample from an earlier build, or None if it has to be drawn.

    Counts what became of it. Raises OSError if the raw data cannot be read.
    """
    origin = origin_sha256(row, job) if job.reuse else ""
    if origin not in job.reuse:
        return None
    try:
        ask = ask_for(row, job)
    except BadSample:  # whoever draws it will find that out after what is wrong with its files
        return None
    content = content_sha256(origin, params_text(ask.params))
    old: Old | None = next((old for old in job.reuse[origin] if old.content == content), None)
    if old is None:
        return None
    pictures = _pictures(old, job)
    if pictures is None or not old.roundtrip_error <= plugins.task(row.task).TOLERANCE:
        counts[f"{DAMAGED}{old.folder}/{old.tar}"] += 1
        return None
    if not still(root, old.reads, old.raw_sha256):
        counts[CHANGED] += 1
        return None
    counts[REUSED] += 1
    known = {name: getattr(old, name) for name in Drawn._fields if name != "pictures"}
    return finished(row, job, ask, Drawn(pictures=pictures, **known))


def _pictures(old: Old, job: Job) -> dict[str, bytes] | None:
    """The pictures of an old sample by extension, None if they cannot be had as they were."""
    try:
        data = Folder(old.folder).read_range(old.tar, old.offset, old.size)
        members = split_sample(data, old.key, old.tar)
    except (BadSample, BuildError, OSError, ValueError):
        return None
    wanted = {f"input.{job.image['input']}", "target.png", "valid.png"}
    pictures = {extension: members[extension] for extension in wanted & members.keys()}
    whole = len(pictures) == len(wanted) and pictures_sha256(pictures) == old.pictures_sha256
    return pictures if whole else None
