"""A root whose answers are timed as the stage "read"."""

from __future__ import annotations

from collections.abc import Iterator

from vbdata.core.types import FileRef
from vbdata.machine.stages import stage
from vbdata.sources.watched import Watched


class Timed(Watched):
    """The same folder; streams and local copies are not timed, as `Reads` asks for ranges."""

    def exists(self, path: str = "") -> bool:
        """Whether a file or folder is there."""
        with stage("read"):
            return super().exists(path)

    def size(self, path: str) -> int:
        """Bytes of a file, -1 if it is not there."""
        with stage("read"):
            return super().size(path)

    def files(self, below: str = "") -> Iterator[FileRef]:
        """All files below a folder."""
        with stage("read"):
            return iter(list(super().files(below)))

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one."""
        with stage("read"):
            return super().folders(below)

    def read(self, path: str) -> bytes:
        """A whole file."""
        with stage("read") as span:
            data = super().read(path)
            span.bytes = len(data)
            return data

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """A part of a file."""
        with stage("read") as span:
            data = super().read_range(path, offset, size)
            span.bytes = len(data)
            return data
