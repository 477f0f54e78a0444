"""SHA-256, of which two can take the same bytes for the price of one.

The processor's instructions for SHA-256 spend most of their time waiting for one another, so a
second digest is worked out meanwhile (compiled/sha256.c). Where there are none, or no compiled
loops, hashlib works out one after the other.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
from typing import Any

from vbdata.core import compiled

SIZE = 8 * 4 + 8 + 64  # bytes of a Message in sha256.c
_Message, _Digest = ctypes.c_char * SIZE, ctypes.c_char * 32


@functools.cache
def able(library: Any) -> bool:
    """Whether compiled functions can do it on this processor; to ask it takes a while."""
    return bool(library.vb_sha256_able())


class Sha256:
    """The SHA-256 of bytes that come in pieces."""

    __slots__ = ("_library", "_message", "_plain")

    def __init__(self) -> None:
        library = compiled.library()
        self._library = library if library and able(library) else None
        if self._library:
            self._message = _Message()
            self._library.vb_sha256_begin(self._message)
        else:
            self._plain = hashlib.sha256()

    def update(self, data: bytes) -> None:
        """Take some bytes."""
        if self._library:
            self._library.vb_sha256_add(self._message, data, len(data))
        else:
            self._plain.update(data)

    def update_with(self, other: Sha256, data: bytes) -> None:
        """Take some bytes, as another digest does."""
        if self._library and other._library:
            self._library.vb_sha256_add_to_both(self._message, other._message, data, len(data))
        else:
            self.update(data)
            other.update(data)

    def hexdigest(self) -> str:
        """The digest so far, in hexadecimal."""
        if not self._library:
            return self._plain.hexdigest()
        digest = _Digest()
        self._library.vb_sha256_digest(self._message, digest)
        return digest.raw.hex()
