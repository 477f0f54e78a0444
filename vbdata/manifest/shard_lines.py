"""The shards of a build as its manifest states them, kept in a file: there may be millions.

A shard takes 112 bytes of a temporary file and none of memory; the manifest, the sums and what
other libraries read are written from it line by line.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from tempfile import TemporaryFile
from typing import Any, overload

from vbdata.jobs.job import Receipt
from vbdata.layout import offsets_path

LINE = struct.Struct("<32s32s32sqq")  # SHA-256, job, SHA-256 of offsets; samples, bytes
IN_ORDER = 100_000  # numbers below this have five digits in a path, so they sort as text


class ShardLines(Sequence[dict[str, Any]]):
    """The manifest's lines of the shards, by number, read from a file as they are asked for.

    tar: gives the path of a shard's tar by its number.
    """

    def __init__(self, tar: Callable[[int], str]) -> None:
        self._tar = tar
        self._file = TemporaryFile(prefix="vbdata-", buffering=0)  # noqa: SIM115 (as long as self)
        self._count = 0

    def add(self, receipt: Receipt) -> None:
        """Append the line of the next shard. Raises OSError if the disk is full."""
        digests = receipt.sha256, receipt.job, receipt.index_sha256
        samples = len(receipt.samples)
        line = LINE.pack(*map(bytes.fromhex, digests), samples, receipt.size)
        if self._file.write(line) != len(line):
            raise OSError("a line of the manifest could not be written whole")
        self._count += 1

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, number: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, number: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, number: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(number, slice):
            return [self[k] for k in range(*number.indices(len(self)))]
        sha256, job, _, samples, size = self._line(range(self._count)[number])
        return {
            "tar": self._tar(range(self._count)[number]),
            "samples": samples,
            "bytes": size,
            "sha256": sha256.hex(),
            "job_sha256": job.hex(),
        }

    def sums(self) -> Iterator[tuple[str, str]]:
        """Path and SHA-256 of every tar and of its offsets, sorted by path as text."""
        for number in self._in_text_order():
            sha256, _, offsets, _, _ = self._line(number)
            yield self._tar(number), sha256.hex()
            yield offsets_path(self._tar(number)), offsets.hex()

    def _in_text_order(self) -> Iterator[int]:
        """The shards' numbers in the order of their paths as text."""
        # From 100,000 on numbers outgrow their five digits, and train-100000 sorts before
        # train-10001. Among numbers of equal length both orders are the same, so merging one run a
        # length sorts millions of paths while only one of each run is in memory.
        runs = list[range]()
        start, end = 0, IN_ORDER
        while start < self._count:
            runs.append(range(start, min(end, self._count)))
            start, end = end, 10 * end
        return merge(*runs, key=self._tar)

    def _line(self, number: int) -> tuple[Any, ...]:
        return LINE.unpack(os.pread(self._file.fileno(), LINE.size, LINE.size * number))
