"""What all entries of the reader `folders` share: its images, and which files each of them has."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import chain
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
class Found:
    """The images of a source, or some of them, and their files, without anything opened.

    prefix: what stands before ":" in the names of groups; pairs: by role, image -> its files;
    sizes: path -> bytes of all these files; rows: by kind, the lines of its JSONL.
    """

    spec: Spec
    prefix: str
    images: Images
    pairs: Mapping[str, Mapping[str, list[str]]]
    sizes: Mapping[str, int]
    patterns: Mapping[str, Pattern]
    rows: Mapping[str, texts.Rows]

    def names(self) -> list[str]:
        """The ids of the entries, sorted: paths of images, and places of lines that are of none."""
        lost = (self.lost_name(line) for line in self.images.lost)
        strays = (where for rows in self.rows.values() for where, _ in rows.strays)
        return sorted({*self.images.wanted, *lost, *strays})

    def lost_name(self, line: str) -> str:
        """The id of a line in a list of images that is no image."""
        return f"{self.spec.lists}:{line}"

    def some(self, names: Collection[str]) -> Found:
        """What is known of some of the entries, by their ids."""
        kept, known = set(names), self.images.wanted
        wanted = {path: known[path] for path in names if path in known}
        lost = tuple(line for line in self.images.lost if self.lost_name(line) in kept)
        pairs = {role: {path: files[path] for path in wanted} for role, files in self.pairs.items()}
        paths = chain(wanted, *(files for of_role in pairs.values() for files in of_role.values()))
        return replace(
            self,
            images=Images(wanted, {}, lost),
            pairs=pairs,
            sizes={path: self.sizes[path] for path in paths},
            rows={kind: rows.some(kept) for kind, rows in self.rows.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Found):
    """What is found, to be opened. legends: what codes mean, by file of names."""

    root: Root
    legends: labelled.Legends = field(default_factory=labelled.Legends)
    read: dict[str, bytes] = field(default_factory=dict)


def opened(root: Root, what: Found) -> Context:
    """What was found in a root, to be opened there."""
    return Context(root=root, **{each.name: getattr(what, each.name) for each in fields(what)})


def found(root: Root, spec: Spec, prefix: str, listing: Listing) -> Found:
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
        elif (of_role := choose.files(files, role, images, listing, optional=optional)) is not None:
            pairs[role] = of_role
            patterns[role] = choose.matching(listing, files)
    _check_group(spec.group, images)
    if any(path.lower().endswith(".exr") for each in pairs.values() for path in _first(each)):
        exr.package()
    sizes = dict(listing.sizes(spec.images))
    for pattern in patterns.values():
        sizes.update(listing.sizes(pattern))
    return Found(
        spec=spec,
        prefix=prefix,
        images=images,
        pairs=pairs,
        sizes=sizes,
        patterns=patterns,
        rows=rows,
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
