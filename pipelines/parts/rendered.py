"""Frames of rendered data sets: a picture, the depth of every pixel, and what else lies beside.

A reader says where a frame's files are (`LAYOUT`), what its camera is, and how its depth is coded,
in the words of the reader `folders` (parts/folders/depth.py); the rest is done here. Normals that a
data set does not store are those of its depth (vbdata.core.surface).

A layout is a pattern of paths for each role of a file, with the same named groups in all; group
`root` is what may lie above, as LAYOUT_ROOT matches it. `vbdata init` recognises data by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Depth, Normals, Segments
from vbdata.core.surface import normals_from_depth
from vbdata.core.types import Entry, FileRef, Sample
from vbdata.errors import BadSample, SourceError

from . import own_records, picture_files, records, spans
from .folders import cameras, codings
from .folders import doubts as checks
from .folders.cameras import Camera

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

Layout = Mapping[str, re.Pattern[str]]  # role of a file -> paths
Parts = Mapping[str, str]
Sky = checks.Sky

LAYOUT_ROOT = r"(?P<root>(?:.*/)?)"  # at the beginning of a pattern
PICTURE = r"\.(?:png|jpe?g|webp|tiff?|bmp)"  # at its end: a picture may be of any type
FAR = 0.9  # of the depth elsewhere, the share that the sky should be behind


class Frame(NamedTuple):
    """The files of a frame. parts: named groups of its paths but `root`; files: by role."""

    parts: Parts
    files: dict[str, str]


def frames(known: Collection[str], layout: Layout) -> list[Frame]:
    """The frames that some paths belong to, those with the same parts together.

    layout: the parts of its first pattern are those of a frame. Of several files of one role the
    first by path counts.
    """
    found: dict[tuple[str, ...], Frame] = {}
    names = [name for name in next(iter(layout.values())).groupindex if name != "root"]
    for path in sorted(known):
        for role, pattern in layout.items():
            if match := pattern.fullmatch(path):
                parts = {name: match[name] for name in names}
                frame = found.setdefault(tuple(parts.values()), Frame(parts, {}))
                frame.files.setdefault(role, path)
                break
    return list(found.values())


def nothing(root: Root, example: Mapping[str, str]) -> SourceError:
    """What to raise where no file belongs to a frame. example: a path for each role."""
    wanted = " and ".join(example.values())
    return SourceError(f"{root.url}: no frames: files such as {wanted}, here or below")


def entry(
    name: str,
    group: str,
    license: str,
    labels: tuple[str, ...],
    frame: Frame,
    sizes: dict[str, int],
    expected: Mapping[str, str],
) -> Entry:
    """An entry before its size is known, without record and camera.

    sizes: bytes by path; expected: role -> where its file should be, for those that are not there.
    """
    files = {
        role: records.file_ref(frame.files.get(role, path), sizes)
        for role, path in expected.items()
    }
    return Entry(
        id=name, group=group, width=0, height=0, license=license, files=files, labels=labels
    )


def completed(
    root: Root, entries: Iterable[Entry], described: Callable[[Entry], Entry]
) -> Iterator[Entry]:
    """The entries by id with their sizes, and with what a reader knows of them then; or faults.

    The pictures of a folder have one size, so only the first is opened; `load` compares. described:
    adds the camera and the record, and may raise BadSample.
    """
    known: dict[str, tuple[int, int]] = {}
    for each in sorted(entries, key=lambda each: each.id):
        folder = each.files["image"].path.rpartition("/")[0]
        width, height = known.get(folder, (0, 0))
        try:
            whole = replace(each, width=width, height=height)
            whole = own_records.measured(root, whole, picture_files.STORED)
            known[folder] = whole.width, whole.height
            yield described(whole)
        except BadSample as bad:
            yield records.faulty(replace(each, record=b""), bad, bad.file)


def opened(
    root: Root, entries: Iterable[Entry], described: Callable[[Entry], Entry], size: int
) -> spans.Spans:
    """`completed`, in spans, where `described` opens files of every frame.

    described: knows a frame by its entry alone, of which the record is its own until then; size: of
    a span (parts/spans.py).
    """
    return spans.Spans(completed(root, entries, _as_it_is), partial(_described, described), size)


def _as_it_is(entry: Entry) -> Entry:
    return entry


def _described(described: Callable[[Entry], Entry], entry: Entry) -> Entry:
    try:
        return described(entry)
    except BadSample as bad:
        draft = replace(entry, width=0, height=0, record=b"")
        return records.faulty(draft, bad, bad.file)


def coded(entry: Entry, camera: Camera | None, **record: Any) -> Entry:
    """The entry with its camera and a record: `depth`, and perhaps `normals`, are their codings.

    Without a camera there are no normals of depth.
    """
    lost = () if camera or "normals" in record else ("normals",)
    labels = tuple(kind for kind in entry.labels if kind not in lost)
    return replace(entry, camera=camera, labels=labels, record=records.pack(record))


def centred(entry: Entry, fx: float, fy: float | None = None) -> Camera:
    """The camera of a renderer, whose axis meets the middle of the picture."""
    return fx, fx if fy is None else fy, (entry.width - 1) / 2, (entry.height - 1) / 2


def load(
    root: Root,
    entry: Entry,
    kinds: Collection[str],
    *,
    sky: Sky | None = None,
    segments: Callable[[Root, Entry], Segments] | None = None,
) -> Sample:
    """The bytes of the picture's file as they are, and its labels. Raises BadSample.

    sky: where an entry's picture shows the sky, if its depth does not say it.
    """
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.UNSAID)
    about = records.unpack(entry.record)
    labels: dict[str, Any] = {}
    if "depth" in kinds or ("normals" in kinds and "normals" not in about):
        depth = codings.depth_label(root, entry, about["depth"])
        if sky is not None:
            depth = _with_sky(depth, sky(root, entry))
        if "depth" in kinds:
            labels["depth"] = depth
        if "normals" in kinds and "normals" not in about:
            labels["normals"] = _normals(depth, entry)
    if "normals" in kinds and "normals" in about:
        labels["normals"] = codings.normals_label(root, entry, about["normals"])
    if "segments" in kinds and segments is not None:
        labels["segments"] = segments(root, entry)
    return Sample(image=image, labels=labels)


def _with_sky(depth: Depth, sky: NDArray[np.bool_]) -> Depth:
    metres = np.where(sky, np.float32(np.inf), depth.metres)
    return Depth(metres=metres, valid=depth.valid | sky)


def _normals(depth: Depth, entry: Entry) -> Normals:
    assert entry.camera is not None  # readers give one, or a fault
    sky = np.isinf(depth.metres) & depth.valid
    return normals_from_depth(depth.metres, depth.valid & ~sky, entry.camera, sky)


def small_file(root: Root, file: FileRef) -> tuple[bytes, str]:
    """The bytes of a file of cameras or poses, and its path. Raises BadSample."""
    path = file.path
    if file.size < 0:
        raise BadSample("missing", f"no {path}", path)
    if file.size > cameras.LONGEST:
        raise BadSample("too large", f"{file.size} bytes, at most {cameras.LONGEST}", path)
    return root.read(path), path


def doubts(
    root: Root, entries: Sequence[Entry], sky: Sky | None = None
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What some records say of what their reader takes for granted: (ok or warn, text, remedies).

    Range and kind of depth, the frame of normals by those of depth, and whether the sky, where a
    class says it, is behind all else. Damaged records are passed over.
    """
    stored = [
        replace(each, labels=tuple(kind for kind in each.labels if kind in each.files))
        for each in entries
    ]
    for level, text, remedies in checks.doubts(root, stored, sky):
        asked = tuple(f"{remedy.partition('?')[0]}?" for remedy in remedies)
        yield level, text, (*asked, *("or are the files not the official ones?",) * bool(asked))
    if sky is not None:
        yield from _of_sky(root, stored, sky)


def _of_sky(
    root: Root, entries: Sequence[Entry], sky: Sky
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    above, elsewhere = [], []
    for each in entries:
        try:
            shown = sky(root, each)
            label = codings.depth_label(root, each, records.unpack(each.record)["depth"])
        except (BadSample, KeyError):
            continue  # the trial of the task counts it
        far = np.where(label.valid, label.metres, np.float32(np.inf))
        above.append(far[shown])
        elsewhere.append(far[~shown])
    there = np.concatenate(above) if above else np.zeros(0, np.float32)
    if not there.size:
        return
    near = np.concatenate(elsewhere)
    share = there.size / (there.size + near.size)
    middle, most = float(np.median(there)), float(np.quantile(near, FAR)) if near.size else 0.0
    text = (
        f"class sky: {share:.0%} of the pixels, their stored depth {middle:.3g} m in the median; "
        f"{FAR:.0%} of all else are within {most:.3g} m"
    )
    if middle > most:
        yield "ok", text, ()
    else:
        yield "warn", text, ("is another class the sky, or are class and depth of other frames?",)
