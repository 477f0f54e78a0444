"""Raw streams that can seek: a window on bytes that are fetched in parts, and its inflation."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Any

PIECE = 1 << 18  # bytes that are fetched or inflated at once

Wrong = Callable[[str], Exception]  # makes the error of a cause


class Window(io.RawIOBase):
    """`size` bytes, of which fetch(offset, size) gets a part (fewer bytes if they end early).

    A CRC-32 is compared when the bytes have been read from start to end without a jump.
    """

    def __init__(
        self,
        fetch: Callable[[int, int], bytes],
        size: int,
        crc: int | None = None,
        wrong: Wrong = ValueError,
    ) -> None:
        self._fetch, self._size, self._crc, self._wrong = fetch, size, crc, wrong
        self._at = self._summed = self._sum = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; nothing is fetched. Raises ValueError before the start."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"seek to {start + offset}")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fetch what fits into the buffer. Raises the error of `wrong`."""
        count = max(0, min(len(buffer), self._size - self._at))
        data = self._fetch(self._at, count) if count else b""
        buffer[: len(data)] = data
        if self._crc is not None and self._at == self._summed:
            self._sum, self._summed = zlib.crc32(data, self._sum), self._summed + len(data)
            if self._summed == self._size and self._sum != self._crc:
                raise self._wrong(f"CRC-32 is {self._sum:08x}, expected {self._crc:08x}")
        self._at += len(data)
        return len(data)


class Inflated(Window):
    """The `size` bytes that deflated ones unpack to, never more. Going back starts again.

    packed: makes the deflated stream (RFC 1951, no header), at its start.
    """

    def __init__(
        self, packed: Callable[[], io.RawIOBase], size: int, crc: int | None, wrong: Wrong
    ) -> None:
        super().__init__(self._inflate, size, crc, wrong)
        self._packed = packed
        self._restart()

    def _restart(self) -> None:
        self._source, self._inflater = self._packed(), zlib.decompressobj(-zlib.MAX_WBITS)
        self._done = 0

    def _inflate(self, offset: int, count: int) -> bytes:
        """Bytes at an offset: those before it are unpacked and dropped."""
        if offset < self._done:
            self._restart()
        while self._done < offset:
            self._some(min(PIECE, offset - self._done))
        return self._some(count)

    def _some(self, most: int) -> bytes:
        """The next bytes, at least one and not more than asked for."""
        data = b""
        while not data:
            packed = self._inflater.unconsumed_tail or self._source.read(PIECE) or b""
            try:
                data = self._inflater.decompress(packed, most)
            except zlib.error as err:
                raise self._wrong(str(err)) from err
            if not data and (self._inflater.eof or not packed):
                raise self._wrong(f"unpacks to {self._done} bytes, expected {self._size}")
        self._done += len(data)
        return data
