"""The receipts of an earlier build as lines of a table, or the cause why one is of no use.

Receipts may be old, cut short or forged, so everything that a copy relies on is checked: types, the
form of digests, the versions of libraries, and that the offsets of a tar lie inside it.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from vbdata.core.types import FileRef
from vbdata.errors import BadSample, BuildError
from vbdata.jobs.origin import draw_word, origin_word
from vbdata.layout import RECEIPTS, offsets_path
from vbdata.machine.environment import environment
from vbdata.shard.reuse import content_sha256, split_measured
from vbdata.shard.tar_read import parse_offsets
from vbdata.storage.folder import Folder

AT_ONCE = 16  # receipts that are read at once
LARGEST = 1 << 30  # bytes of a receipt that is read

Words = NDArray[np.uint64]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

# The fields of vbdata.shard.reuse.Old, and the word of the draw (vbdata.jobs.origin.draw_word).
TABLE = pa.schema(
    [
        ("content", pa.string()),
        ("folder", pa.string()),
        ("tar", pa.string()),
        ("key", pa.string()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("measured", pa.string()),
        ("pictures_sha256", pa.string()),
        ("raw_sha256", pa.string()),
        ("reads", pa.string()),
        ("valid_share", pa.float64()),
        ("roundtrip_error", pa.float64()),
        ("draw", pa.uint64()),
    ]
)


class _Sample(BaseModel):
    """The fields of a sample's line in a receipt that are needed here."""

    key: str
    source: str
    seed: int
    pass_: int = Field(alias="pass")
    params: str
    origin_sha256: Sha256
    pictures_sha256: Sha256
    raw_sha256: Sha256
    reads: str
    valid_share: float = Field(gt=0, le=1)
    roundtrip_error: float = Field(ge=0, allow_inf_nan=False)


class _Receipt(BaseModel):
    """The fields of a receipt that are needed here."""

    tar: str
    size: int
    index_sha256: Sha256
    environment: dict[str, str]
    samples: list[_Sample]


class _Useless(Exception):
    """No sample of a receipt can be copied. The text says why, and names no record or file."""


def batches(folder: Folder, tally: Counter[str]) -> Iterator[tuple[pa.RecordBatch, Words]]:
    """The samples of each sound receipt in a build's folder, and the first words of their origins.

    tally: gets the number of shards, of samples, and of shards left out by cause. Raises BuildError
    if the folder cannot be listed.
    """
    try:
        files = [file for file in folder.files(RECEIPTS) if file.path.endswith(".json")]
    except (OSError, ValueError) as err:
        raise BuildError(f"{folder.url} cannot be read: {type(err).__name__}: {err}") from err
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for read in pool.map(lambda file: _read(folder, file), files):
            tally["shards"] += 1
            if isinstance(read, str):
                tally[read] += 1
            else:
                tally["samples"] += len(read[1])
                yield read


def _read(folder: Folder, file: FileRef) -> tuple[pa.RecordBatch, Words] | str:
    """A receipt as lines of the table, or the cause why not, in a text that many receipts share."""
    try:
        return _checked(folder, file)
    except _Useless as why:
        return str(why)
    except ValidationError as err:
        first = err.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
        return f"not a receipt of this version ({where or 'as a whole'}: {first['type']})"
    except BadSample as bad:
        return f"its receipt or tar cannot be read ({bad.reason})"
    except (OSError, ValueError) as err:
        return f"its receipt or tar cannot be read ({type(err).__name__})"


def _checked(folder: Folder, file: FileRef) -> tuple[pa.RecordBatch, Words]:
    """A receipt as lines of the table. Raises _Useless and what reading and parsing raise."""
    if file.size > LARGEST:
        raise _Useless(f"its receipt is larger than {LARGEST} bytes")
    receipt = _Receipt.model_validate_json(folder.read(file.path))
    if others := _other_versions(receipt.environment):
        raise _Useless(f"made by other versions: {others}")
    spans = itertools.pairwise(_offsets(folder, receipt))
    lines = [
        {
            **sample.model_dump(exclude={"source", "seed", "pass_", "params", "origin_sha256"}),
            "content": content_sha256(sample.origin_sha256, sample.params),
            "measured": split_measured(sample.params)[1],
            "folder": folder.url,
            "tar": receipt.tar,
            "offset": start,
            "size": end - start,
            "draw": draw_word(sample.seed, sample.source, sample.pass_),
        }
        for sample, (start, end) in zip(receipt.samples, spans, strict=True)
    ]
    words = [origin_word(sample.origin_sha256) for sample in receipt.samples]
    return pa.RecordBatch.from_pylist(lines, TABLE), np.array(words, np.uint64)


def _offsets(folder: Folder, receipt: _Receipt) -> list[int]:
    """Where each sample of a tar begins, then where the last one ends. Raises _Useless."""
    if folder.size(receipt.tar) != receipt.size:
        raise _Useless("its tar is missing or of another size")
    packed = folder.read(offsets_path(receipt.tar))
    if hashlib.sha256(packed).hexdigest() != receipt.index_sha256:
        raise _Useless("its tar's offsets are damaged")
    try:
        offsets: list[int] = parse_offsets(packed, len(receipt.samples), receipt.size).tolist()
    except ValueError as err:
        raise _Useless("its tar's offsets are not those of its samples") from err
    return offsets


def _other_versions(there: Mapping[str, str]) -> str:
    """The libraries of a receipt that have another version here; "" if none has."""
    here = environment()
    names = sorted(n for n in here.keys() | there.keys() if here.get(n) != there.get(n))
    shown = (f"{n:.40} {there.get(n, 'none'):.20}, here {here.get(n, 'none')}" for n in names[:10])
    return "; ".join(shown)
