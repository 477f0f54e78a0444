"""What the colours of a target mean: a scale of depth, a ball of normals, swatches with names.

Every colour is drawn by the task itself, with the sample's own params, so a key cannot differ from
what the target says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vbdata import plugins
from vbdata.core import images
from vbdata.core.english import plural
from vbdata.core.labels import Depth, Flow, Keypoints, Linear, Matte, Normals, Segments

LENGTH, BALL = 180, 56  # pixels of a scale and of a ball
STEPS = (1, 2, 5)

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Swatch:
    """A colour with its meaning. there: whether the target has any of it."""

    rgb: Rgb
    text: str
    there: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """How to read a target.

    strip: uint8 RGB [h, w, 3], one row high for a scale, else a picture to show as it is; None
    without one; ticks: places along the strip from 0 to 1, with their texts, and the unit of these;
    swatches: single colours; note: a few words, "" for none.
    """

    strip: images.Pixels | None = None
    ticks: tuple[tuple[float, str], ...] = ()
    unit: str = "metres"
    swatches: tuple[Swatch, ...] = ()
    note: str = ""


def key_of(label: Any, task: str, params: Mapping[str, Any]) -> Key:
    """The key of a decoded target. label: as the task decodes it; params: the sample's own.

    A label that is a picture has an empty key.
    """
    if isinstance(label, Depth):
        return _scale(label, plugins.task(task), params)
    if isinstance(label, Normals):
        return _ball(label, plugins.task(task), params)
    if isinstance(label, Segments):
        return _legend(label, params)
    if isinstance(label, Flow):
        return _wheel(label, plugins.task(task), params)
    if isinstance(label, Keypoints):
        return _joints(label, params)
    if isinstance(label, Matte):
        return _covered(label, plugins.task(task), params)
    if isinstance(label, Linear):
        return _light(params)
    return Key()


def _scale(label: Depth, task: Any, params: Mapping[str, Any]) -> Key:
    """The colours from the nearest to the farthest depth, evenly by its logarithm."""
    finite = label.metres[label.valid & np.isfinite(label.metres) & (label.metres > 0)]
    odd = [(float("inf"), True, "sky"), (1.0, False, "no depth")]
    there = {"sky": bool((label.valid & np.isinf(label.metres)).any())}
    there["no depth"] = not bool(label.valid.all())
    swatches = tuple(
        Swatch(rgb=_drawn(task, params, metres, valid), text=text)
        for metres, valid, text in odd
        if there[text]
    )
    if not finite.size:
        return Key(swatches=swatches)
    low, high = float(finite.min()), float(finite.max())
    metric = task.NEEDS[0] == "depth"
    if high <= low:
        one = Swatch(rgb=_drawn(task, params, low, True), text=f"{low:.3g}{' m' * metric}")
        return Key(swatches=(one,))
    metres = np.geomspace(low, high, LENGTH, dtype=np.float32)[None]
    strip = np.asarray(task.render(Depth(metres=metres, valid=np.ones_like(metres, bool)), params))
    places = [(np.log(m / low) / np.log(high / low), f"{m:g}") for m in round_numbers(low, high)]
    ticks = tuple((float(p), t) for p, t in places)
    unit = "metres" if metric else "relative"
    return Key(strip=strip, ticks=ticks, unit=unit, swatches=swatches)


def round_numbers(low: float, high: float, most: int = 6) -> list[float]:
    """Numbers 1, 2 and 5 times a power of ten from low to high, not more than so many."""
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    found = [s * 10.0**e for e in range(first, last + 1) for s in STEPS]
    found = [float(f"{number:.6g}") for number in found if low <= number <= high]
    return found[:: -(-len(found) // most)] if found else []


def _drawn(task: Any, params: Mapping[str, Any], metres: float, valid: bool) -> Rgb:
    one = Depth(metres=np.full((1, 1), metres, np.float32), valid=np.full((1, 1), valid))
    red, green, blue = np.asarray(task.render(one, params))[0, 0].tolist()
    return red, green, blue


def _ball(label: Normals, task: Any, params: Mapping[str, Any]) -> Key:
    """A ball as the task would draw it: each direction that a surface in view can face."""
    places = (np.arange(BALL, dtype=np.float32) + 0.5) * 2 / BALL - 1
    x, y = np.meshgrid(places, places)
    inside = x**2 + y**2 < 1
    z = -np.sqrt(np.maximum(1 - x**2 - y**2, 0))
    ball = Normals(
        xyz=np.where(inside, np.stack([x, y, z]), 0).astype(np.float32),
        valid=inside,
        sky=np.zeros_like(inside),
    )
    rgb = np.asarray(task.render(ball, params))
    note = "a ball in these colours" + (", sky apart" if bool(label.sky.any()) else "")
    return Key(strip=np.where(inside[..., None], rgb, np.uint8(255)), note=note)


def _wheel(label: Flow, task: Any, params: Mapping[str, Any]) -> Key:
    """A disc as the task would draw it: at each place the vector from the middle to it."""
    length = np.hypot(*label.uv[:, label.valid].astype(np.float64))
    most = float(length.max(initial=0.0)) or 1.0
    places = (np.arange(BALL, dtype=np.float32) + 0.5) * 2 / BALL - 1
    x, y = np.meshgrid(places, places)
    inside = x**2 + y**2 < 1
    disc = Flow(uv=np.stack([x, y]) * np.float32(most), valid=inside)
    rgb = np.asarray(task.render(disc, params))
    note = f"the way from the middle, {most:.3g} pixels to the edge"
    return Key(strip=np.where(inside[..., None], rgb, np.uint8(255)), note=note)


def _joints(label: Keypoints, params: Mapping[str, Any]) -> Key:
    """The colours of the joints, and how many persons there are."""
    there = (label.visible > 0).any(0).tolist() if len(label.visible) else [False] * 999
    swatches = tuple(
        Swatch(rgb=(red, green, blue), text=str(item["name"]).replace("_", " "), there=seen)
        for item, seen in zip(params["legend"], there, strict=False)
        for red, green, blue in [item["rgb"]]
    )
    count = int((label.visible > 0).any(1).sum())
    return Key(swatches=swatches, note=f"{count} person{'' if count == 1 else 's'}")


def _covered(label: Matte, task: Any, params: Mapping[str, Any]) -> Key:
    """The colours of background and foreground, and what share of the picture is foreground."""
    ends = Matte(alpha=np.array([[0, 255]], np.uint8), valid=np.ones((1, 2), np.bool_))
    drawn = np.asarray(task.render(ends, params))[0].tolist()
    seen = label.alpha[label.valid]
    names = {"background": bool((seen < 255).any()), "foreground": bool((seen > 0).any())}
    swatches = tuple(
        Swatch(rgb=(red, green, blue), text=text, there=there)
        for (red, green, blue), (text, there) in zip(drawn, names.items(), strict=True)
    )
    share = float(seen.mean()) / 255 if seen.size else 0.0
    return Key(swatches=swatches, note=f"foreground of {share:.0%}")


def _light(params: Mapping[str, Any]) -> Key:
    """What linear number code 255 stands for, and by which curve."""
    top, curve = params.get(plugins.MEASURED, {}).get("top", "1"), str(params.get("curve", "1"))
    said = {"srgb": "in the curve of sRGB", "1": "linear"}.get(curve, f"by a gamma of {curve}")
    return Key(note=f"code 255 is {float(top):.3g}, {said}")


def _legend(label: Segments, params: Mapping[str, Any]) -> Key:
    """The names of a legend, or how many instances there are."""
    if "legend" not in params:
        count = (
            len(label.classes) if "style" in params else len(np.unique(label.ids[label.ids > 0]))
        )
        what = "box" if "style" in params else "instance"
        return Key(note=f"{count} {what if count == 1 else plural(what)}")
    return Key(swatches=tuple(_entries(label, params["legend"])))


def _entries(label: Segments, legend: list[dict[str, Any]]) -> Iterator[Swatch]:
    there = set(np.unique(label.ids).tolist())
    for number, entry in enumerate(legend, start=1):
        red, green, blue = entry["rgb"]
        if not entry.get("crowd"):
            yield Swatch(rgb=(red, green, blue), text=str(entry["name"]), there=number in there)
