"""Every path of an output folder, relative to it; README.md ("What comes out") draws the tree."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

# What a finished build publishes.
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
QUARANTINE = "quarantine/quarantine.jsonl"  # a line a damaged record
HOLDOUT = "manifest/holdout.tsv"  # set and group, a line each; only where a set is held out
SHARDS = "shards"

# What the next run resumes from; nothing of it is published.
RUN = "run.json"
RECEIPTS = "receipts"
PLAN_FOLDER = "plan"  # index, plan, and whose build it is
PLAN = "plan/plan.parquet"
INDEX = "plan/index"
TRACE = ".trace.json"  # ending: what a reader asked of its root, beside its index
RECIPE = "plan/recipe.json"
ORDER = "plan/order.json"  # the recipe as it was given, and where its data was
CLAIM = "plan/claim.json"  # which process builds here, while it does
IN_WORK = "plan/in-work"  # digest of the job that this process is building, in a local folder

DIGEST_LENGTH = 8  # hexadecimal digits of the build's digest in the shards' path


def rows_path(split: str) -> str:
    """The Parquet file with one row a sample."""
    return f"manifest/{split}.parquet"


def shards_folder(build_sha256: str) -> str:
    """The folder of a build's tars, named after the digest of all its jobs."""
    return f"{SHARDS}/{build_sha256[:DIGEST_LENGTH]}"


def tar_path(folder: str, split: str, number: int, shards: int) -> str:
    """A shard's tar. folder: as `shards_folder` gives it; shards: how many there are in all."""
    return f"{folder}/{split}-{number:05d}-of-{shards:05d}.tar"


def offsets_path(tar: str) -> str:
    """The offsets of a tar's samples: uint64 little-endian, one a sample, then the end."""
    return f"{tar}.idx"


def receipt_path(digest: str) -> str:
    """The receipt of a finished shard, by the digest of its job."""
    return f"{RECEIPTS}/{digest}.json"


def key_digits(samples: int) -> int:
    """Digits of a sample's key: its position in the data set, zero-padded so that keys sort."""
    return max(8, len(str(samples)))


def build_digest(digests: Iterable[str]) -> str:
    """SHA-256 over the digests of all jobs, in order: the name of exactly these bytes."""
    whole = hashlib.sha256()
    for digest in digests:
        whole.update(digest.encode())
    return whole.hexdigest()
