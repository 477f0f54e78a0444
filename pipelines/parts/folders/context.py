"""What all entries of the reader `folders` share: its images, and which files each of them has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vbdata.core import exr
from vbdata.errors import SourceError

from . import choose, labelled, texts
from .choose import Images
from .patterns import FOLDERS, Listing, Pattern
from .spec import Files, Spec, TextSpec

if TYPE_CHECKING:
    from vbdata.storage.folder import Root


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What all entries of a source share.

    pairs: by role, image -> its files; rows: by kind, the lines of its JSONL; legends: what codes
    mean, by file of names; prefix: what stands before ":" in the names of groups.
    """

    root: Root
    spec: Spec
    prefix: str
    listing: Listing
    images: Images
    pairs: Mapping[str, Mapping[str, list[str]]]
    patterns: Mapping[str, Pattern]
    rows: Mapping[str, texts.Rows]
    legends: labelled.Legends
    read: dict[str, bytes] = field(default_factory=dict)


def context(root: Root, spec: Spec, prefix: str, listing: Listing) -> Context:
    """Find the images of a source and their files. prefix: before ":" in the names of groups.

    Raises SourceError; ImportError where files are EXR and the package OpenEXR is not installed.
    """
    images = choose.images(root, spec, listing)
    pairs: dict[str, dict[str, list[str]]] = {}
    patterns: dict[str, Pattern] = {}
    rows: dict[str, texts.Rows] = {}
    roles = [(kind, kind, files) for kind, files in spec.files().items()] + list(_more(spec))
    for role, kind, files in roles:
        optional = kind in spec.optional
        if optional and role != kind and kind not in pairs:
            continue  # the root has none of this kind
        optional &= role == kind
        text = getattr(spec, role, None)
        if isinstance(text, TextSpec) and texts.is_jsonl(text):
            pattern = choose.matching(listing, files)
            if not listing.matches(pattern) and not optional:
                raise SourceError(f"{root.url}: no file matches {pattern.option}: {pattern.text!r}")
            rows[role] = texts.rows(root, listing, pattern, text, images.every)
        elif (found := choose.files(files, role, images, listing, optional=optional)) is not None:
            pairs[role] = found
            patterns[role] = choose.matching(listing, files)
    _check_group(spec.group, images)
    if any(path.lower().endswith(".exr") for found in pairs.values() for path in _first(found)):
        exr.package()
    return Context(
        root=root,
        spec=spec,
        prefix=prefix,
        listing=listing,
        images=images,
        pairs=pairs,
        patterns=patterns,
        rows=rows,
        legends=labelled.Legends(),
    )


def _first(found: Mapping[str, list[str]]) -> list[str]:
    """The files of the first image that has any."""
    return next((paths for paths in found.values() if paths), [])


def _more(spec: Spec) -> Iterator[tuple[str, str, Files]]:
    """Further files: their role, the kind of label that needs them, and which they are."""
    more = [("camera", "camera", spec.camera.files if spec.camera else None)]
    if spec.depth and spec.depth.camera:
        more.append(("depth_camera", "depth", spec.depth.camera.files))
    if spec.normals and spec.normals.pose:
        more.append(("pose", "normals", spec.normals.pose.files))
    if spec.segments:
        more += [("instances", "segments", spec.segments.instances)]
        more += [("names", "segments", spec.segments.named)]
    if spec.edited:
        more.append(("instructions", "edited", spec.edited.instructions))
    for role, kind, files in more:
        if files is not None:
            yield role, kind, files


def _check_group(template: str, images: Images) -> None:
    """Raise SourceError for a template with a part that images do not have."""
    known = [n for n in next(iter(images.every.values())) if not n.startswith(FOLDERS)]
    for name in re.findall(r"\{(\w+)\}", template):
        if name not in known:
            listed = ", ".join(f"{{{n}}}" for n in known) or "none"
            raise SourceError(f"group: {template!r}: the pattern of images has the parts {listed}")
