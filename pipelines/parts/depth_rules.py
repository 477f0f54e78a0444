"""What a frame with depth must be to be used: within its sensor's range, and as its source asks.

Options of the readers of depth, all off by default, leave frames out while they are indexed, so
that they are no candidates and are counted apart. Each of them opens every frame, which several
processes do (parts/spans.py), once for all:

    min_rgb_range    0 to 255: in some channel, the largest value minus the smallest, at least
    max_invalid      0 to 1: the share of pixels without a depth, at most
    min_depth_range  metres: the largest depth minus the smallest, sky left out, at least

Such rules make the frame lists that others train on: Marigold's of Hypersim leaves out some 5,000
of 59,543 (prs-eth/Marigold, issue #158).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core import images
from vbdata.errors import BadSample, SourceError

from . import records, spans

if TYPE_CHECKING:
    from vbdata.core.labels import Depth
    from vbdata.core.types import Entry, Sample
    from vbdata.storage.folder import Root

Load = Callable[["Root", "Entry", Collection[str]], "Sample"]


class Rules(NamedTuple):
    """The options, as numbers."""

    min_rgb_range: float
    max_invalid: float
    min_depth_range: float

    @property
    def any(self) -> bool:
        """Whether one of them may leave a frame out."""
        return self != Rules(0, 1, 0)


def rules(min_rgb_range: Any, max_invalid: Any, min_depth_range: Any) -> Rules:
    """The options of a recipe. Raises SourceError for what is no number in its range."""
    return Rules(
        _number("min_rgb_range", min_rgb_range, 255),
        _number("max_invalid", max_invalid, 1),
        _number("min_depth_range", min_depth_range, 1e6),
    )


def kept(entries: Iterable[Entry], root: Root, load: Load, asked: Rules) -> Iterator[Entry]:
    """The entries; those with depth that break a rule, or cannot be loaded, with their fault.

    Under a rule they are opened in spans, by several processes (parts/spans.py).
    """
    return spans.then(entries, partial(_kept, root, load, asked)) if asked.any else iter(entries)


def _kept(root: Root, load: Load, asked: Rules, entry: Entry) -> Entry:
    if "depth" not in entry.labels:
        return entry
    try:
        _check(load(root, entry, ("depth",)), asked, entry)
    except BadSample as bad:
        return records.faulty(entry, bad, bad.file)
    return entry


def within(metres: NDArray[Any], valid: NDArray[np.bool_], farthest: float, path: str) -> None:
    """Check depth, float[H, W] in metres, against what its sensor can measure.

    valid: bool[H, W], where there is a depth; farthest: in metres; path: for messages. Raises
    BadSample("out of range").
    """
    with np.errstate(invalid="ignore"):  # NaN: missing
        beyond = metres > farthest
    if beyond.any() and (count := int((beyond & valid).sum())):
        most = metres[beyond & valid].max()
        detail = (
            f"depth up to {most:.1f} m, in {count} pixels beyond the {farthest:g} m that its "
            "sensor can measure: other units than the dataset's?"
        )
        raise BadSample("out of range", detail, path)


def _number(key: str, value: Any, most: float) -> float:
    number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if not number or not 0 <= value <= most:
        raise SourceError(f"{key}: {value!r} is not a number from 0 to {most:g}")
    return float(value)


def _check(sample: Sample, asked: Rules, entry: Entry) -> None:
    """Raise BadSample("left out") if a frame breaks a rule, which the detail begins with."""
    depth: Depth = sample.labels["depth"]
    metres, valid = depth.metres, depth.valid
    invalid = 1 - np.count_nonzero(valid) / valid.size
    if invalid > asked.max_invalid:
        detail = (
            f"max_invalid: {invalid:.1%} of its pixels have no depth, not {asked.max_invalid:.1%}"
        )
        raise BadSample("left out", detail)
    near = metres[valid & np.isfinite(metres)]
    span = float(near.max() - near.min()) if near.size else 0.0
    if span < asked.min_depth_range:
        detail = f"min_depth_range: its depth spans {span:.3g} m, not {asked.min_depth_range:g}"
        raise BadSample("left out", detail)
    if asked.min_rgb_range:
        picture = sample.image
        path = entry.files["image"].path
        rgb = images.decode_rgb(picture, path) if isinstance(picture, bytes) else picture
        contrast = int(np.ptp(rgb.reshape(-1, 3), axis=0).max())
        if contrast < asked.min_rgb_range:
            detail = f"min_rgb_range: its colours span {contrast}, not {asked.min_rgb_range:g}"
            raise BadSample("left out", detail)
