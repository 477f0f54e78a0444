"""Numbers and ids in COCO-format JSON, as the tools of the field write them.

7, 7.0 and "7" are one number: tables that went through pandas have floats, exports of label tools
have texts.
"""

from __future__ import annotations

import json
import math
from typing import Any

from .. import records

MAX_ID = 1 << 63
MAX_DIGITS = 18  # of a number that is written as text
MAX_TEXT = 500  # characters of an id
PADDED = 10**12  # ids below it have 12 digits in the names of entries, as in COCO's file names


def whole(value: Any) -> int | None:
    """The integer of 0 or more, below 2**63, that a value of JSON stands for; None for any other.

    7, 7.0 and "7" are 7; true is no number.
    """
    if type(value) is float and value.is_integer():
        value = int(value)
    elif type(value) is str and len(value) <= MAX_DIGITS:
        value = int(value) if value.isascii() and value.isdigit() else None
    return value if type(value) is int and 0 <= value < MAX_ID else None


def identity(value: Any) -> int | str | None:
    """An id, of any scalar of JSON: the number that it stands for, else its text.

    None for null, lists, objects, blank texts and such as cannot be written again.
    """
    if (number := whole(value)) is not None:
        return number
    if isinstance(value, int | float) and not (isinstance(value, int) and abs(value) >= MAX_ID):
        value = json.dumps(value)
    if isinstance(value, str) and 0 < len(value) <= MAX_TEXT and records.text(value):
        return value if value.strip() else None
    return None


def name_of(id_: int | str) -> str:
    """The id as text: a number has 12 digits or more, as in the file names of COCO."""
    return f"{id_:012d}" if isinstance(id_, int) else id_


def positive(value: Any) -> float | None:
    """A finite number above 0; None for any other value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if value > 0 and (isinstance(value, int) or math.isfinite(value)) else None


def box(value: Any) -> tuple[float, float, float, float] | None:
    """A `bbox` as x, y, width, height in pixels; None unless it has an area."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    if any(isinstance(n, bool) or not isinstance(n, int | float) for n in value):
        return None
    if not all(abs(n) < MAX_ID for n in value) or min(value[2:]) <= 0:  # NaN fails the first
        return None
    x, y, width, height = map(float, value)
    return x, y, width, height
