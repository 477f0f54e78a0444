"""Long lists in JSON files, decoded in one go where nobody asks where their items stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from .json_pieces import Scan


def at_once(of: Any, take: Callable[[list[Any]], None]) -> Scan:
    """A scan for json_pieces.Items that takes a whole list, if no other list is in it.

    of: the msgspec type of an item; take: is given the items. A list that it cannot take, or of
    which only a part is there, is left to be read in pieces.
    """
    decoder, tried = msgspec.json.Decoder(list[of]), False

    def scan(text: bytes, begin: int, position: int) -> tuple[int, bool]:
        nonlocal tried
        end = -1 if tried else text.find(b"]", position - begin)
        tried = True
        listed = b"[" + text[position - begin : end + 1]
        if end < 0 or not listed.isascii():  # what msgspec skips need not be UTF-8
            return position, False
        try:
            items = decoder.decode(listed)
        except (msgspec.DecodeError, RecursionError):
            return position, False
        take(items)
        return begin + end + 1, True

    return scan
