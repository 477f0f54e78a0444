"""A finished sample: its pictures with prompt and JSON, and its line in the shard's receipt."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from vbdata import plugins
from vbdata.core import members
from vbdata.core.geometry import geometry_for
from vbdata.core.types import Ask, Geometry
from vbdata.jobs.job import Job, Row
from vbdata.jobs.origin import origin_of
from vbdata.machine.stages import stage

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class Drawn(NamedTuple):
    """The part of a sample that costs time to make: its pictures, and what was measured of them.

    pictures: bytes of files by extension; valid_share: of the pixels, 0 to 1; roundtrip_error:
    of the target's own decoding, in the task's UNIT; raw_sha256: of all bytes that were read for
    them, "" where these are one of the pictures; passed: the extension of that one, else "";
    reads: the questions by which they were read, as JSON (vbdata.shard.reads).
    """

    pictures: Mapping[str, bytes]
    valid_share: float
    roundtrip_error: float
    raw_sha256: str
    reads: str
    passed: str = ""


class Made(NamedTuple):
    """A finished sample, less the digests of its pictures, which are made with the tar's.

    members: bytes by extension, as in the tar; facts: the rest of its receipt line.
    """

    members: dict[str, bytes]
    facts: dict[str, Any]
    drawn: Drawn

    def line(self, sums: Mapping[str, str]) -> dict[str, Any]:
        """Its receipt line. sums: hexadecimal SHA-256 of each of its pictures, by extension."""
        return {
            **self.facts,
            "pictures_sha256": listed_sha256(sums),
            "raw_sha256": self.drawn.raw_sha256 or sums[self.drawn.passed],
        }


def finished(row: Row, job: Job, ask: Ask, drawn: Drawn) -> Made:
    """Add the prompt and the JSON to the pictures: a sample's members, and its receipt line."""
    facts = _facts(row, job, geometry_of(row, job), ask)
    files = {
        **drawn.pictures,
        members.INSTRUCTION: ask.instruction.encode(),
        members.FACTS: _canonical(facts).encode(),
    }
    more = {
        "instruction": ask.instruction,
        "origin_sha256": origin_sha256(row, job),
        "pictures": sorted(drawn.pictures),
        "valid_share": drawn.valid_share,
        "roundtrip_error": drawn.roundtrip_error,
        "reads": drawn.reads,
    }
    return Made(files, facts | more, drawn)


def origin_sha256(row: Row, job: Job) -> str:
    """The origin of a row's pictures: all that decides them but raw bytes and the prompt's params.

    That is the entry, the code of its reader, its task and the engine, the geometry and the kind
    of input image; not the place in the data set, the source's name, the seed or the mixture.
    """
    return origin_of(
        job.datasets[row.source], row.task, job.image, geometry_of(row, job), row.digest
    )


def pictures_sha256(pictures: Mapping[str, bytes]) -> str:
    """`listed_sha256` of some pictures, bytes by extension."""
    with stage("hash", sum(map(len, pictures.values()))):
        return listed_sha256({name: sha256(data) for name, data in pictures.items()})


def listed_sha256(sums: Mapping[str, str]) -> str:
    """Hexadecimal SHA-256 of a list of pictures: extension and SHA-256 of each, sorted.

    sums: SHA-256 by extension. The sample's key is no part of it.
    """
    lines = [f"{extension} {sums[extension]}\n" for extension in sorted(sums)]
    return sha256("".join(lines).encode())


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def params_text(params: Mapping[str, Any]) -> str:
    """The params that a decoder needs, as canonical JSON: how they stand in a sample's json."""
    return _canonical(params)


def _facts(row: Row, job: Job, geometry: Geometry, ask: Ask) -> dict[str, Any]:
    """What a sample's json says: the same keys and types in every sample, whatever its task."""
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
        "params": params_text(ask.params),
    }


def geometry_of(row: Row, job: Job) -> Geometry:
    """How the pictures of a row are scaled and cropped to its output size."""
    entry, spec = row.entry, job.image
    bounds = spec["max_pixels"], spec["multiple_of"]
    return geometry_for(entry.width, entry.height, *bounds, sizes_of(spec))


def sizes_of(spec: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    """The only sizes (width, height) that a recipe's images may have, none if any size will do."""
    listed = [spec["size"]] if "size" in spec else spec.get("buckets", [])
    return tuple((width, height) for width, height in listed)
