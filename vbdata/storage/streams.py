"""Raw streams that can seek: over bytes that are fetched in parts, and over deflated ones."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Any

PIECE = 1 << 18  # bytes that are fetched or inflated at once

MakeError = Callable[[str], Exception]  # from what is wrong to the error that says so


class Window(io.RawIOBase):
    """A stream of `size` bytes. fetch(offset, count): some of them, fewer if they end early.

    crc: the CRC-32 of all bytes; it is compared if they are read from start to end without a jump,
    and if it differs, reading raises the error that `wrong` makes.
    """

    def __init__(
        self,
        fetch: Callable[[int, int], bytes],
        size: int,
        crc: int | None = None,
        wrong: MakeError = ValueError,
    ) -> None:
        self._fetch, self._size, self._crc, self._wrong = fetch, size, crc, wrong
        self._position = self._summed = self._sum = 0

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it can seek: yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset and return it; nothing is fetched. Raises ValueError below 0."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"seek to {start + offset}")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fetch what fits into the buffer, and return how many bytes that were.

        Raises the error that `wrong` makes if the CRC-32 is not the expected one.
        """
        count = max(0, min(len(buffer), self._size - self._position))
        data = self._fetch(self._position, count) if count else b""
        buffer[: len(data)] = data
        if self._crc is not None and self._position == self._summed:
            self._sum, self._summed = zlib.crc32(data, self._sum), self._summed + len(data)
            if self._summed == self._size and self._sum != self._crc:
                raise self._wrong(f"CRC-32 is {self._sum:08x}, expected {self._crc:08x}")
        self._position += len(data)
        return len(data)


class Inflated(Window):
    """A stream of the `size` bytes that deflated bytes unpack to; a seek back starts over.

    packed: opens the deflated stream (RFC 1951, no header) at its start. Reading raises the error
    that `wrong` makes if they are damaged, end early, or have another CRC-32 than crc.
    """

    def __init__(
        self, packed: Callable[[], io.RawIOBase], size: int, crc: int | None, wrong: MakeError
    ) -> None:
        super().__init__(self._inflate, size, crc, wrong)
        self._packed = packed
        self._restart()

    def _restart(self) -> None:
        self._source, self._inflater = self._packed(), zlib.decompressobj(-zlib.MAX_WBITS)
        self._done = 0

    def _inflate(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from an offset on; those before it are unpacked and dropped."""
        if offset < self._done:
            self._restart()
        while self._done < offset:
            self._next(min(PIECE, offset - self._done))
        return self._next(count)

    def _next(self, most: int) -> bytes:
        """The next bytes, at least one and at most `most`: a bomb never fills the memory."""
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
