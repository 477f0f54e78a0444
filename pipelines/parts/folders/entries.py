"""Entries of the reader `folders`: an image, its files, its facts, and what `load` will need."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Entry, FileRef
from vbdata.errors import BadSample
from vbdata.storage.folder import safe

from ...formats import hdf5_named
from .. import own_records as own
from .. import records
from . import cameras, depth, labelled, texts
from .context import Context
from .patterns import Parts
from .spec import CameraSpec, PoseSpec

if TYPE_CHECKING:
    from .cameras import Camera

UNKNOWN = "unknown"


@dataclass(slots=True)
class Draft:
    """An entry that is being made. lost: kinds that it cannot offer, with the reason."""

    entry: Entry
    parts: Parts
    about: dict[str, Any] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def entries(about: Context) -> Iterator[Entry]:
    """The entries of a source in order of their ids, with a fault for each stray line of text."""
    made: dict[str, Entry] = {}
    for line in about.images.lost:
        name = about.lost_name(line)
        fault = f"missing: {line!r:.200} of a list of images is not there"
        made[name] = _stray(name, about, fault)
    for rows in about.rows.values():
        for where, detail in rows.strays:
            made[where] = _stray(where, about, f"garbled annotation: {where}: {detail}")
    for name in about.names():
        yield made[name] if name in made else _entry(name, about)


def _stray(name: str, about: Context, fault: str) -> Entry:
    group = f"{about.prefix}:{name}"
    bare = Entry(id=name, group=group, width=0, height=0, license=UNKNOWN, files={}, labels=())
    return replace(bare, fault=fault)


def _entry(path: str, about: Context) -> Entry:
    """An image's entry, or its fault."""
    spec, parts = about.spec, about.images.wanted[path]
    bare = Entry(
        id=path,
        group=_group(about, path, parts),
        width=0,
        height=0,
        license=spec.licence or UNKNOWN,
        files={"image": FileRef(path=path, size=about.sizes[path])},
        labels=(),
    )
    try:
        draft = Draft(_measured(bare, about), parts)
    except BadSample as bad:
        return records.faulty(bare, bad)
    if spec.exif:
        draft.about["exif"] = spec.exif
    if spec.dataset:
        draft.about["image"] = spec.dataset
    _add_camera(draft, about)
    for kind, add in ADDED.items():
        if getattr(spec, kind) is None or (kind not in about.pairs and kind not in about.rows):
            continue
        try:
            add(draft, about)
        except BadSample as bad:
            at = f" [{bad.file}]" if bad.file else ""
            draft.lost.append(f"{bad.reason}: {kind}: {bad.detail}{at}")
    return _finished(draft)


def _finished(draft: Draft) -> Entry:
    entry = replace(draft.entry, labels=tuple(draft.labels), record=records.pack(draft.about))
    if draft.lost and not draft.labels:
        return replace(entry, fault=draft.lost[0])
    return replace(entry, left_out=tuple(draft.lost))


def _measured(bare: Entry, about: Context) -> Entry:
    """The entry with the size of its picture. Raises BadSample."""
    if not about.spec.dataset:
        return own.measured(about.root, bare, about.spec.exif)
    path = bare.files["image"].path
    shape = hdf5_named.shape(about.root.read(path), about.spec.dataset, path)
    if len(shape) not in (2, 3):
        detail = f"{about.spec.dataset} {list(shape)}, expected [H, W, 3]: image_dataset"
        raise BadSample("wrong dtype", detail, path)
    return own.sized(bare, (shape[1], shape[0]))


def _group(about: Context, path: str, parts: Parts) -> str:
    """What an image belongs to: the template, else its {scene}, else itself without its type."""
    if not about.spec.group:
        name = parts.get("scene") or path.rpartition(".")[0] or path
        return f"{about.prefix}:{name}"
    text = re.sub(r"\{(\w+)\}", lambda part: parts[part[1]], about.spec.group)
    return text if ":" in text else f"{about.prefix}:{text}"


def _file(draft: Draft, about: Context, role: str) -> FileRef:
    """The file of a role, of size -1 where there is none. Raises BadSample for several."""
    found = about.pairs[role][draft.entry.id]
    pattern = about.patterns[role]
    if len(found) > 1:
        detail = f"{len(found)} files match {pattern.option}: {', '.join(found[:3])}"
        raise BadSample("garbled annotation", detail)
    if not found:
        return FileRef(path=pattern.filled(draft.parts), size=records.MISSING)
    return FileRef(path=found[0], size=about.sizes[found[0]])


def _with_file(draft: Draft, about: Context, role: str) -> FileRef:
    file = _file(draft, about, role)
    draft.entry = replace(draft.entry, files={**draft.entry.files, role: file})
    return file


def _whole(draft: Draft, about: Context, role: str) -> tuple[bytes, str]:
    """A small file of a role, which several images may have, and its path. Raises BadSample."""
    file = _file(draft, about, role)
    if file.size < 0:
        raise BadSample("missing", f"no {role} file", file.path)
    if file.path not in about.read:
        if len(about.read) > 4096:  # one a scene stays; one an image is read once anyway
            about.read.clear()
        about.read[file.path] = about.root.read(file.path)
    return about.read[file.path], file.path


def _camera(draft: Draft, about: Context, spec: CameraSpec, role: str) -> Camera:
    if spec.numbers:
        return spec.numbers
    data, path = _whole(draft, about, role)
    size = draft.entry.width, draft.entry.height
    return cameras.camera(data, path, size, spec.at, spec.dataset)


def _add_camera(draft: Draft, about: Context) -> None:
    """The camera of the picture: its own, or that of its depth map."""
    spec = about.spec
    try:
        if spec.camera and (spec.camera.numbers or "camera" in about.pairs):
            found = _camera(draft, about, spec.camera, "camera")
        elif spec.depth and spec.depth.camera and not spec.depth.coding.resize:
            found = _camera(draft, about, spec.depth.camera, "depth_camera")
        else:
            return
        draft.entry = replace(draft.entry, camera=found)
    except BadSample as bad:
        draft.lost.append(f"{bad.reason}: camera: {bad.detail} [{bad.file}]")


def _add_depth(draft: Draft, about: Context) -> None:
    spec = about.spec.depth
    assert spec is not None  # ADDED is gone through for kinds that are given
    coding = {k: v for k, v in dataclasses.asdict(spec.coding).items() if v}
    if spec.camera:
        coding["camera"] = _camera(draft, about, spec.camera, "depth_camera")
    elif spec.coding.kind in depth.NEED_CAMERA and draft.entry.camera is None:
        raise BadSample("missing", f"no camera, which {spec.coding.kind} needs")
    _with_file(draft, about, "depth")
    draft.about["depth"] = coding
    draft.labels.append("depth" if spec.metric else "relative_depth")


def _add_normals(draft: Draft, about: Context) -> None:
    spec = about.spec.normals
    assert spec is not None  # see _add_depth
    coding: dict[str, Any] = {k: v for k, v in dataclasses.asdict(spec.coding).items() if v}
    if spec.pose:
        coding["turn"] = _turn(draft, about, spec.pose)
    _with_file(draft, about, "normals")
    draft.about["normals"] = coding
    draft.labels.append("normals")


def _turn(draft: Draft, about: Context, spec: PoseSpec) -> list[float]:
    """Nine numbers, row by row: the rotation from the world to the camera's axes."""
    data, path = _whole(draft, about, "pose")
    turn = cameras.rotation(data, path, spec.at, spec.dataset)
    found: list[float] = (turn.T if spec.to_world else turn).ravel().tolist()
    return found


def _add_segments(draft: Draft, about: Context) -> None:
    spec = about.spec.segments
    assert spec is not None  # see _add_depth
    file = _with_file(draft, about, "segments")
    draft.labels.append("segments")
    if "instances" in about.pairs:
        other = _with_file(draft, about, "instances")
        if other.size < 0:
            return
    if file.size < 0:
        return
    draft.labels.pop()  # until it is known what the file holds
    named = _whole(draft, about, "names") if spec.named else None
    legend = about.legends.of(spec, named)
    found = labelled.survey(about.root, draft.entry, spec, legend)
    draft.about["segments"] = found.record
    draft.lost += [f"{line} [{file.path}]" for line in found.left_out]
    draft.entry = replace(draft.entry, classes=found.partition.facts())
    draft.labels.append("segments")
    rows = about.rows.get("expressions")
    if rows and draft.entry.id in rows.by_image:
        listed, lost = texts.expressions(rows.by_image[draft.entry.id], found.partition.parts)
        draft.lost += lost
        if listed:
            draft.entry = replace(draft.entry, expressions=listed)
            draft.labels.append("expressions")


def _add_captions(draft: Draft, about: Context) -> None:
    draft_texts = _texts(draft, about, "captions", "text", "caption")
    if draft_texts:
        draft.entry = replace(draft.entry, captions=draft_texts)
        draft.labels.append("captions")


def _texts(draft: Draft, about: Context, role: str, column: str, what: str) -> tuple[str, ...]:
    """The texts of an image, () where it has none. Raises BadSample."""
    if role in about.rows:
        return texts.of_rows(about.rows[role].by_image.get(draft.entry.id, []), column, what)
    if not about.pairs[role][draft.entry.id]:
        draft.lost.append(f"missing: no {what}: {about.patterns[role].filled(draft.parts)}")
        return ()
    data, path = _whole(draft, about, role)
    try:
        return texts.of_file(data, what)
    except BadSample as bad:
        raise BadSample(bad.reason, bad.detail, path) from bad


def _add_edited(draft: Draft, about: Context) -> None:
    spec = about.spec.edited
    assert spec is not None  # see _add_depth
    if "edited" in about.rows:
        found = about.rows["edited"].by_image.get(draft.entry.id, [])
        if not found:
            return
        name, said = texts.edit(found, spec.files.patterns[0])
        above = found[0].where.rpartition(":")[0].rpartition("/")[0]
        path = safe(f"{above}/{name}" if above else name)
        size = about.root.size(path)
        files = {**draft.entry.files, "edited": FileRef(path=path, size=size)}
        draft.entry = replace(draft.entry, files=files)
    else:
        _with_file(draft, about, "edited")
        said = spec.said
        if spec.instructions:
            said = _texts(draft, about, "instructions", "", "instruction")
            if not said:
                return
    draft.entry = replace(draft.entry, instructions=said)
    draft.labels.append("edited")


def _add_matte(draft: Draft, about: Context) -> None:
    spec = about.spec.matte
    assert spec is not None  # see _add_depth
    _with_file(draft, about, "matte")
    draft.about["matte"] = spec.channel
    draft.labels.append("matte")


ADDED = {
    "depth": _add_depth,
    "normals": _add_normals,
    "segments": _add_segments,
    "matte": _add_matte,
    "captions": _add_captions,
    "edited": _add_edited,
}
