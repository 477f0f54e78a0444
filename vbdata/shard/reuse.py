"""Copy a sample's pictures from an earlier build instead of rendering them again.

Only pictures that a build from scratch would render to the byte are copied. A sample is found by
its origin, that is by all that decides its pictures but raw bytes and params (vbdata.jobs.origin),
and by the params of its prompt. Then its raw bytes are read again and must have the digest that
they had, and the copied pictures must have theirs. The prompt and the sample's JSON are made anew,
as they cost nothing and may differ: the same pictures may get another key, pass or prompt.

An earlier build is trusted as much as the folder that a build is resumed in: whoever can write
there can put pictures of their own in the place of rendered ones.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from typing import NamedTuple

from vbdata import plugins
from vbdata.core.members import FACTS, INSTRUCTION
from vbdata.errors import BadSample, BuildError
from vbdata.jobs.job import Job, Row
from vbdata.shard.asking import ask_for
from vbdata.shard.made import (
    Drawn,
    Made,
    finished,
    origin_sha256,
    params_text,
    pictures_sha256,
)
from vbdata.shard.reads import still
from vbdata.shard.tar_read import split_sample
from vbdata.storage.folder import Folder, Root

REUSED = "reused"
CHANGED = "the raw data has changed"
DAMAGED = "damaged: "  # followed by the path of the tar

Counts = Counter[str]  # REUSED, or the cause why not, with how often


class Old(NamedTuple):
    """A sample of an earlier build: where its bytes lie, and what its receipt says of them.

    content: its `content_sha256`; folder: URL of its build; tar: path of its shard in there;
    offset, size: its bytes in the tar; measured: what its task measured of the label, as JSON, ""
    for nothing; pictures_sha256 to roundtrip_error: as in vbdata.shard.made.
    """

    content: str
    folder: str
    tar: str
    key: str
    offset: int
    size: int
    measured: str
    pictures_sha256: str
    raw_sha256: str
    reads: str
    valid_share: float
    roundtrip_error: float


def content_sha256(origin: str, params: str) -> str:
    """Digest of all that decides a sample's pictures but its raw bytes, as hexadecimal SHA-256.

    origin: vbdata.jobs.origin.origin_of; params: JSON, as vbdata.shard.made.params_text gives it.
    """
    return hashlib.sha256(f"{origin}\n{split_measured(params)[0]}".encode()).hexdigest()


def split_measured(params: str) -> tuple[str, str]:
    """(params as they are asked, what was measured of the label, "" for nothing); all JSON.

    What is measured follows from the label (vbdata.plugins.contract), so it decides no picture
    beside what is asked and the raw bytes.
    """
    if f'"{plugins.MEASURED}":' not in params:
        return params, ""
    asked = json.loads(params)
    measured = asked.pop(plugins.MEASURED, None)
    return params_text(asked), "" if measured is None else params_text(measured)


def copied(row: Row, job: Job, root: Root, counts: Counts) -> Made | None:
    """The sample with pictures from an earlier build, or None if they have to be rendered.

    counts: gets one for REUSED, or for the cause why a sample that was found was not copied.
    Raises OSError if the raw data cannot be read.
    """
    origin = origin_sha256(row, job) if job.reuse else ""
    if origin not in job.reuse or (row.entry.references and plugins.photograph(row.task)):
        return None  # the sizes of references depend on more than an origin says
    try:
        ask = ask_for(row, job)
    except BadSample:
        # rendering will report it; but it reports what is wrong with the files first, and which
        # fault is quarantined must not depend on an earlier build
        return None
    content = content_sha256(origin, params_text(ask.params))
    old: Old | None = next((old for old in job.reuse[origin] if old.content == content), None)
    if old is None:
        return None
    # cheapest first: one range of the old tar, then all raw bytes of the record
    pictures = _pictures(old)
    if pictures is None or not old.roundtrip_error <= plugins.task(row.task).TOLERANCE:
        counts[f"{DAMAGED}{old.folder}/{old.tar}"] += 1
        return None
    if not still(root, old.reads, old.raw_sha256, row.entry.files.values()):
        counts[CHANGED] += 1
        return None
    counts[REUSED] += 1
    if old.measured:
        measured = json.loads(old.measured)
        ask = replace(ask, params={**ask.params, plugins.MEASURED: measured})
    kept = ("valid_share", "roundtrip_error", "raw_sha256", "reads")
    facts = {name: getattr(old, name) for name in kept}
    return finished(row, job, ask, Drawn(pictures=pictures, **facts))


def _pictures(old: Old) -> dict[str, bytes] | None:
    """The pictures of an old sample by extension; None if one is missing or its bytes changed."""
    try:
        data = Folder(old.folder).read_range(old.tar, old.offset, old.size)
        files = split_sample(data, old.key, old.tar)
    except (BadSample, BuildError, OSError, ValueError):
        return None
    pictures = {name: data for name, data in files.items() if name not in (INSTRUCTION, FACTS)}
    return pictures if pictures_sha256(pictures) == old.pictures_sha256 else None
