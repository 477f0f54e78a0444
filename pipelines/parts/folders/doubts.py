"""What some records say of their options: range and kind of depth, frame of normals.

On a flat surface inverse depth is linear in the picture, whatever the focal lengths. So numbers of
depth are read as each kind, and of the triples of pixels that look flat as any of them, the kind
with the smallest second differences is the right one: rooms and streets have flat surfaces enough.
Normals are compared with those of depth, in each of the 48 ways in which axes can be named.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations, product
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.surface import normals_from_depth
from vbdata.errors import BadSample

from .. import records
from . import codings, depth, normals
from .cameras import Camera

if TYPE_CHECKING:
    from vbdata.core.types import Entry
    from vbdata.storage.folder import Root

Level = Literal["ok", "warn"]
USUAL = (0.1, 300.0)  # metres between which the median of a picture's depth nearly always lies
TOP = 0.01  # share of pixels with the largest depth from which on it is a sky or a limit
BARS = "▁▂▃▄▅▆▇█"
BINS = 12
FLAT = 0.02  # relative second difference below which a triple of pixels may lie on a plane
TRIPLES = 500  # that are needed to tell kinds apart
CLEARLY, AT_LEAST = 1.5, 1e-4  # by which factor, and from which bend on, another kind fits better
STEPS = 12  # of the picture's width, between the pixels of a triple
ANGLE = 70.0  # degrees of view that are assumed where there is no camera
BETTER = 0.05  # of the mean cosine, by which another convention fits better
POOR = 25.0  # degrees from which on even the best convention does not fit
Sky = Callable[["Root", "Entry"], NDArray[np.bool_]]  # bool[H, W], of the picture's size
SHAPES = {"z": "z", "ray": "ray", "disparity": "inverse", "inverse": "inverse"}
CONVENTIONS = tuple(
    tuple(words)
    for order in permutations((("right", "left"), ("down", "up"), ("forward", "backward")))
    for words in product(*order)
)


class Doubt(NamedTuple):
    """A line of an examination. remedies: what to do about it."""

    level: Level
    text: str
    remedies: tuple[str, ...] = ()


class _Depths(NamedTuple):
    """Depth of some records: metres that are valid, the share of pixels, bends by kind."""

    metres: NDArray[np.float32]
    share: float
    bends: dict[str, NDArray[np.float64]]


def doubts(root: Root, entries: Sequence[Entry], sky: Sky | None = None) -> Iterator[Doubt]:
    """What some records of a source say of its options. Damaged ones are passed over.

    sky: where an entry's picture shows the sky, if no stored depth says it.
    """
    deep = [entry for entry in entries if _has(entry, "depth")]
    if deep:
        yield from _of_depth(root, deep, sky)
    if turned := [entry for entry in entries if _has(entry, "normals")]:
        yield from _of_normals(root, turned)


def _has(entry: Entry, kind: str) -> bool:
    return not entry.fault and kind in entry.labels and entry.files[kind].size >= 0


def _of_depth(root: Root, entries: Sequence[Entry], sky: Sky | None) -> Iterator[Doubt]:
    found = []
    for entry in entries:
        try:
            found.append(_depths(root, entry, sky))
        except BadSample:
            continue  # the trial of the task counts it
    known = np.concatenate([each.metres for each in found]) if found else np.zeros(0, np.float32)
    if not known.size:
        return
    coding = codings.depth_of(records.unpack(entries[0].record)["depth"])
    low, middle, high = (float(np.percentile(known, q)) for q in (0, 50, 100))
    share = sum(each.share for each in found) / len(found)
    text = (
        f"depth of {len(found)} records: {low:.3g} to {high:.3g} m, median {middle:.3g} m, "
        f"{share:.0%} of the pixels; {_histogram(known)}"
    )
    if not USUAL[0] <= middle <= USUAL[1]:
        yield Doubt(
            "warn", text, (f"is depth.scale: {coding.scale:g} (stored units a metre) right?",)
        )
    elif (top := float((known == known.max()).mean())) > TOP and known.min() < known.max():
        hint = f"{top:.0%} of them have the largest depth, {high:.5g} m: a sky, or a limit?"
        yield Doubt("warn", text, (f"{hint} depth.sky, depth.invalid or depth.max says so",))
    else:
        yield Doubt("ok", text)
    yield from _of_kind(coding.kind, found)


def _of_kind(stated: str, found: Sequence[_Depths]) -> Iterator[Doubt]:
    bends = {kind: np.concatenate([each.bends[kind] for each in found]) for kind in found[0].bends}
    count = len(bends["z"])
    if count < TRIPLES:
        yield Doubt(
            "ok", f"depth.kind: {stated}: too few flat surfaces to tell whether it is right"
        )
        return
    medians = {kind: float(np.median(each)) for kind, each in bends.items()}
    mine, best = medians[SHAPES[stated]], min(medians, key=lambda kind: medians[kind])
    next_best = min(value for kind, value in medians.items() if kind != best)
    said = ", ".join(f"{kind} {value:.2g}" for kind, value in medians.items())
    if mine > AT_LEAST and mine > CLEARLY * medians[best]:
        text = (
            f"depth.kind: {stated}: read as {best}, flat surfaces are {mine / medians[best]:.3g} "
            f"times as flat (bend by kind: {said})"
        )
        other = "disparity or inverse" if best == "inverse" else best
        yield Doubt("warn", text, (f"is the kind {other}? A wrong camera bends rays, too",))
    elif best == SHAPES[stated] and next_best > CLEARLY * mine:
        yield Doubt("ok", f"depth.kind: {stated}: flat surfaces are flattest so ({said})")
    else:
        yield Doubt("ok", f"depth.kind: {stated}: surfaces do not tell it from others ({said})")


def _depths(root: Root, entry: Entry, sky: Sky | None) -> _Depths:
    """An entry's depth, and how bent its flat surfaces are as each kind. Raises BadSample."""
    about = records.unpack(entry.record)["depth"]
    coding, path = codings.depth_of(about), entry.files["depth"].path
    values = depth.stored(records.read(root, entry, "depth"), coding, path)
    height, width = values.shape
    camera = _camera_of_map(entry, about, width, height)
    metres, known = depth.metric(values, coding, camera)
    known &= np.isfinite(metres)
    if sky is not None:
        known &= ~sky(root, entry)
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = np.where(known, values.astype(np.float64), np.nan)
        as_kind = {"z": 1 / plain, "ray": depth.lengths(camera, height, width) / plain}
    as_kind["inverse"] = plain
    step = max(2, width // STEPS)
    bends = {kind: _bends(w, step) for kind, w in as_kind.items()}
    smallest = np.minimum.reduce(list(bends.values()))
    flat = smallest < FLAT  # not where any is NaN
    return _Depths(metres[known], float(known.mean()), {k: b[flat] for k, b in bends.items()})


def _camera_of_map(entry: Entry, about: dict[str, Any], width: int, height: int) -> Camera:
    """The camera of an entry's map; one of ANGLE degrees where none is known."""
    if own := about.get("camera"):
        return own[0], own[1], own[2], own[3]
    if entry.camera:
        return depth.scaled_camera(entry.camera, (entry.width, entry.height), (width, height))
    focal = width / 2 / math.tan(math.radians(ANGLE / 2))
    return focal, focal, (width - 1) / 2, (height - 1) / 2


def _bends(w: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    """Relative second differences of a map, across and then down; NaN where unknown."""
    with np.errstate(invalid="ignore", divide="ignore"):
        across = np.abs(w[:, : -2 * step] - 2 * w[:, step:-step] + w[:, 2 * step :])
        down = np.abs(w[: -2 * step] - 2 * w[step:-step] + w[2 * step :])
        return np.concatenate([(across / w[:, step:-step]).ravel(), (down / w[step:-step]).ravel()])


def _histogram(metres: NDArray[np.float32]) -> str:
    """Bars of depth between its smallest and largest value, in logarithmic steps."""
    logs = np.log(metres.astype(np.float64))
    counts, _ = np.histogram(logs, BINS)
    return "".join(BARS[math.ceil(7 * n / counts.max())] for n in counts.tolist())


def _of_normals(root: Root, entries: Sequence[Entry]) -> Iterator[Doubt]:
    coding, _ = codings.normals_of(records.unpack(entries[0].record)["normals"])
    frame = normals.shown(coding.frame)
    both = [entry for entry in entries if _has(entry, "depth") and entry.camera]
    if not both:
        lacking = "camera" if any(_has(entry, "depth") for entry in entries) else "depth"
        yield Doubt("ok", f"normals.frame: {frame} cannot be compared with depth: no {lacking}")
        return
    stored, expected = [], []
    for entry in both:
        try:
            vectors, reference = _vectors(root, entry)
        except BadSample:
            continue  # the trial of the task counts it
        stored.append(vectors)
        expected.append(reference)
    pairs = np.concatenate(stored, axis=1) if stored else np.zeros((3, 0))
    if pairs.shape[1] < TRIPLES:
        yield Doubt("ok", f"normals.frame: {frame}: too few pixels to compare with depth")
        return
    yield _verdict(coding, pairs, np.concatenate(expected, axis=1), len(stored))


def _verdict(
    coding: normals.Coding, stored: NDArray[np.float64], expected: NDArray[np.float64], count: int
) -> Doubt:
    """Which convention fits. stored, expected: unit vectors [3, N], the latter in OpenCV axes."""
    means = stored @ expected.T / stored.shape[1]  # mean products of each pair of axes

    def cosine(words: Sequence[str]) -> float:
        return sum(normals.AXES[w][1] * means[k, normals.AXES[w][0]] for k, w in enumerate(words))

    best = max(CONVENTIONS, key=cosine)
    mine = _degrees(stored, expected, coding.frame)
    text = (
        f"normals.frame: {normals.shown(coding.frame)}: {mine:.3g} degrees from the normals of "
        f"depth in the median of {count} records"
    )
    fit = _degrees(stored, expected, best)
    if cosine(best) - cosine(coding.frame) > BETTER:
        text += f"; of the 48 conventions {normals.shown(best)} fits best ({fit:.3g} degrees)"
        return Doubt("warn", text, (f"is it frame: {normals.shown(best)}?",))
    if fit > POOR:
        hint = "none of the 48 conventions fits: normals.coding, pose, camera or depth.kind?"
        return Doubt("warn", text, (hint,))
    return Doubt("ok", text)


def _degrees(
    stored: NDArray[np.float64], expected: NDArray[np.float64], frame: Sequence[str]
) -> float:
    """The median angle between vectors that are read in a frame and those expected."""
    cosines = (normals.in_opencv(stored, frame) * expected).sum(0).clip(-1, 1)
    return float(np.degrees(np.median(np.arccos(cosines))))


def _vectors(root: Root, entry: Entry) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normals as stored, at length 1, and those of depth in OpenCV axes, [3, N]; BadSample."""
    record, size = records.unpack(entry.record), (entry.width, entry.height)
    coding, turn = codings.normals_of(record["normals"])
    path = entry.files["normals"].path
    vectors = normals.fitted(records.read(root, entry, "normals"), coding, size, path)
    if turn is not None:
        vectors = np.tensordot(turn, vectors, 1)
    label = codings.depth_label(root, entry, record["depth"])
    known = label.valid & np.isfinite(label.metres)
    assert entry.camera is not None  # by the caller
    none = np.zeros_like(known)
    reference = normals_from_depth(label.metres, known, entry.camera, none)
    with np.errstate(invalid="ignore"):
        length = np.sqrt((vectors * vectors).sum(0))
        good = reference.valid & (length >= normals.SHORTEST) & (length <= normals.LONGEST)
    return (vectors / np.where(good, length, 1))[:, good], reference.xyz.astype(np.float64)[:, good]
