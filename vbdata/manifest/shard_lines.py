"""The shards of a build as its manifest states them, kept in a file: there may be millions."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from tempfile import TemporaryFile
from typing import Any, overload

from vbdata.jobs.job import Receipt
from vbdata.layout import offsets_path

LINE = struct.Struct("<32s16s32s32sqq")  # tar, md5, job, offsets; samples, bytes
IN_ORDER = 100_000  # shards whose numbers sort as text, being of five digits


class ShardLines(Sequence[dict[str, Any]]):
    """A line a shard, by its number. tar: the path of one by number."""

    def __init__(self, tar: Callable[[int], str]) -> None:
        self._tar = tar
        self._file = TemporaryFile(prefix="vbdata-", buffering=0)  # noqa: SIM115 (as long as self)
        self._count = 0

    def add(self, receipt: Receipt) -> None:
        """The next shard. Raises OSError if the disk is full."""
        digests = receipt.sha256, receipt.md5, receipt.job, receipt.index_sha256
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
        sha256, md5, job, _, samples, size = self._line(range(self._count)[number])
        return {
            "tar": self._tar(range(self._count)[number]),
            "samples": samples,
            "bytes": size,
            "sha256": sha256.hex(),
            "md5": md5.hex(),
            "job_sha256": job.hex(),
        }

    def sums(self) -> Iterator[tuple[str, str]]:
        """Path and SHA-256 of every tar and of its offsets, sorted by path."""
        numbers: Sequence[int] = range(self._count)
        for number in numbers if self._count <= IN_ORDER else sorted(numbers, key=self._tar):
            sha256, _, _, offsets, _, _ = self._line(number)
            yield self._tar(number), sha256.hex()
            yield offsets_path(self._tar(number)), offsets.hex()

    def _line(self, number: int) -> tuple[Any, ...]:
        return LINE.unpack(os.pread(self._file.fileno(), LINE.size, LINE.size * number))
