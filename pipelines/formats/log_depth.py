"""Depth in MoGe's PNGs: 16 bits, logarithmic between a nearest and a farthest value.

0 is unknown, 65535 is infinity (sky); any other v is near^(1 - t) far^t, t = (v - 1) / 65533. The
texts `near` and `far` of the file say between what, and `unit`, in older files, by what all of it
is multiplied. Steps are a share of the depth: of 100,000 = far / near one step is 0.02 %.

Powers are computed by sums and products of float64 alone, so they are the same on any machine, and
within an ulp of float32 of what MoGe computes. Source: microsoft/MoGe, moge/utils/io.py.
"""

from __future__ import annotations

import functools
import math
from decimal import Context, Decimal, InvalidOperation

import numpy as np
from numpy.typing import NDArray

from vbdata.core import images
from vbdata.errors import BadSample

from . import png_text

UNKNOWN, INFINITE = 0, 65535
EXACT = Context(prec=40)
LN2 = EXACT.ln(2)
TERMS = 14  # of exp, enough for |x| <= ln(2) / 2
LARGEST, SMALLEST = Decimal("1e30"), Decimal("1e-30")  # that a depth may be: float32 holds it


def read(data: bytes, file: str = "") -> NDArray[np.float32]:
    """The depth of a file, float32[H, W] in the file's unit: NaN unknown, +inf sky.

    file: the name for messages. Raises BadSample: "wrong dtype" for other than 16 bits of grey,
    "garbled annotation" without its texts, "out of range" for texts that are no range.
    """
    stored = images.decode_png_raw(data, file)
    if stored.ndim != 2 or stored.dtype != np.uint16:
        what = f"{stored.dtype} of shape {stored.shape}"
        raise BadSample("wrong dtype", f"{what}, expected grey uint16", file)
    said = png_text.texts(data)
    if lost := [key for key in ("near", "far") if key not in said]:
        detail = f"a PNG without the text {lost[0]!r}, so its depth is not known"
        raise BadSample("garbled annotation", detail, file)
    near, far, unit = (_number(said.get(key, "1"), key, file) for key in ("near", "far", "unit"))
    if far < near:
        raise BadSample("out of range", f"near {near}, far {far}", file)
    return _table(near * unit, far * unit)[stored]


def _number(text: str, key: str, file: str) -> Decimal:
    try:
        number = EXACT.create_decimal(text.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not SMALLEST <= number <= LARGEST:
        raise BadSample("out of range", f"its text {key} is {text!r:.40}, expected a depth", file)
    return number


@functools.lru_cache(maxsize=4)
def _table(near: Decimal, far: Decimal) -> NDArray[np.float32]:
    """The depth of every stored value."""
    span = EXACT.ln(EXACT.divide(far, near))
    steps = np.arange(-1, 65535) / 65533  # t
    power = steps * float(EXACT.divide(span, LN2))  # of 2
    whole = np.rint(power)
    rest = (power - whole) * float(LN2)
    exp = np.ones_like(rest)
    for term in range(TERMS, 0, -1):
        exp = 1 + rest * exp / term
    table = np.ldexp(exp * float(near), whole.astype(np.int32)).astype(np.float32)
    table[UNKNOWN], table[INFINITE] = math.nan, math.inf
    table.flags.writeable = False
    return table
