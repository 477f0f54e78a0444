"""Single values in a JSON text of which any part can be had, by Python's json."""

from __future__ import annotations

import json
import re
from typing import Any

from .byte_texts import Text

LARGEST = 1 << 28  # bytes of a value that is not in a list, and of an object in one
SPACE = rb"[ \t\n\r]*"
BLANK = re.compile(SPACE)
NEXT = re.compile(SPACE + rb"([],}])" + SPACE)
DECODER = json.JSONDecoder()


class NotPlain(ValueError):
    """A JSON text that is to be read as a whole, or is none."""


def next_sign(text: Text, position: int) -> tuple[bytes, int]:
    """The sign after a value, and the position after it and white space."""
    found = NEXT.match(text.read(position, position + 4096))
    if found is None:
        raise NotPlain
    return found[1], position + found.end()


def value_at(text: Text, position: int) -> tuple[Any, int]:
    """The value of Python's json that begins at a position, and where it ends."""
    room = 1 << 16
    while room <= LARGEST:
        window = text.read(position, position + room)
        ended = position + len(window) >= text.size
        seen = readable(window, ended)
        try:
            value, end = DECODER.raw_decode(seen)
        except (ValueError, RecursionError) as err:
            if ended:
                raise NotPlain from err
        else:
            if end < len(seen):  # else a number may go on
                return value, position + len(seen[:end].encode())
        room *= 8
    raise NotPlain


def readable(window: bytes, ended: bool) -> str:
    """A window as text, without a character that its end cuts."""
    try:
        return window.decode()
    except UnicodeDecodeError as err:
        if ended or err.start < len(window) - 4:
            raise NotPlain from err
        return window[: err.start].decode()


def blank_at(text: Text, position: int) -> int:
    """The length of the white space at a position."""
    found = BLANK.match(text.read(position, position + 4096))
    assert found is not None  # the pattern matches the empty text, too
    return found.end()
