"""Small charts as inline SVG, and pictures as data URIs. Colours come from the page's style.

All texts are escaped, and every chart has its content as a label for screen readers.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT, FOOT, HEAD = 320, 96, 18, 4  # of a histogram, in units of its SVG
TICKS = 7  # at most, on an axis

Tick = tuple[float, str]  # where: in bins from the left edge; text


def data_uri(kind: str, data: bytes) -> str:
    """An image file as a data URI. kind: its subtype of image/, such as "png"."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def bar(value: float, largest: float, asked: float | None = None) -> Markup:
    """A horizontal bar as SVG: value / largest of the width.

    asked: length of a second, thin bar below it, in the same unit. Screen readers skip both, since
    the numbers stand beside them as text.
    """
    scale = 100 / largest if largest > 0 else 0.0
    rect = Markup('<rect class="{kind}" y="{y}" width="{w}" height="{h}"/>')
    made = rect.format(kind="fill", y=0, w=_number(value * scale), h=10 if asked is None else 7)
    if asked is not None:
        made += rect.format(kind="asked", y=7.5, w=_number(asked * scale), h=2.5)
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        "{made}</svg>"
    ).format(made=made)


def histogram(counts: Sequence[float], ticks: Sequence[Tick], label: str) -> Markup:
    """A histogram as SVG: bars of equal width over an axis with ticks.

    label: what it shows, for screen readers.
    """
    top, step = max(counts, default=0) or 1, WIDTH / max(len(counts), 1)
    bars = Markup("").join(
        Markup('<rect class="fill" x="{x}" y="{y}" width="{w}" height="{h}"/>').format(
            x=_number(k * step + step * 0.05),
            y=_number(HEAD + HEIGHT * (1 - count / top)),
            w=_number(step * 0.9),
            h=_number(HEIGHT * count / top),
        )
        for k, count in enumerate(counts)
        if count
    )
    base = HEAD + HEIGHT
    marks = Markup("").join(
        Markup(
            '<path class="axis" d="M{x} {y}v4"/><text x="{x}" y="{t}"{side}>{text}</text>'
        ).format(
            x=_number(place * step), y=base, t=base + 15, text=text, side=_side(place, len(counts))
        )
        for place, text in ticks
    )
    return Markup(
        '<svg class="histogram" viewBox="0 0 {w} {h}" role="img" aria-label="{label}">'
        '{bars}<path class="axis" d="M0 {y}H{w}"/>{marks}</svg>'
    ).format(w=WIDTH, h=base + FOOT, label=label, bars=bars, y=base, marks=marks)


def _side(place: float, bins: int) -> Markup:
    """The attribute that keeps the text of a tick at either end inside the chart."""
    if place < 0.06 * bins:
        return Markup(' class="start"')
    return Markup(' class="end"') if place > 0.94 * bins else Markup("")


def log_ticks(first: float, last: float, per_decade: int) -> list[Tick]:
    """Ticks at round numbers on a logarithmic axis from `first` to `last`, as many as have room.

    per_decade: bins for a factor of ten.
    """
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [
            (math.log10(value / first) * per_decade, f"{value:g}")
            for value in _rounds(first, last, digits)
        ]
        if len(ticks) <= TICKS:
            break
    return ticks


def _rounds(first: float, last: float, digits: Sequence[int]) -> Iterator[float]:
    for power in range(math.floor(math.log10(first)), math.ceil(math.log10(last)) + 1):
        for digit in digits:
            value = float(f"{digit}e{power}")
            if first <= value <= last * (1 + 1e-9):
                yield value


def linear_ticks(last: float, bins: int) -> list[Tick]:
    """Ticks at round numbers on an axis of `bins` equal bins from 0 to `last`."""
    raw = max(last, 1) / (TICKS - 2)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    count = math.floor(last / step + 1e-9)
    return [(k * step * bins / last, f"{k * step:g}") for k in range(count + 1)]


def heat(counts: NDArray[Any]) -> str:
    """Counts [H, W] as a picture, a PNG in a data URI.

    The logarithm of a count is its opacity, so the picture suits a light and a dark background.
    """
    share = np.log1p(counts) / max(float(np.log1p(counts.max())), 1.0)
    rgba = np.zeros((*counts.shape, 4), np.uint8)
    rgba[..., :3] = (64, 130, 235)
    rgba[..., 3] = np.rint(255 * share)
    buffer = io.BytesIO()
    Image.fromarray(rgba).save(buffer, "PNG", optimize=True)
    return data_uri("png", buffer.getvalue())


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
