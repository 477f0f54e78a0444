"""The presets of the reader `folders` in a folder of unknown data."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ...parts.folders import presets
from ...parts.folders.patterns import compiled
from .contents import OUTLINE
from .places import NOT_COUNTED, ROOT, below, by_root, counted, is_picture, joined, listed

# What must be there besides, where other data could have the same names of folders and files.
EVIDENCE = {
    "tum": r"rgb/\d{9,}\.\d+\.png",
    "scannet": r"[^/]+/(?:intrinsic/intrinsic_color\.txt|label-filt/.*)",
    "voc": r".*ImageSets/Segmentation/\w+\.txt",
    "camvid": r"label_colors\.txt",
    "ultralytics": r"[^/]+\.ya?ml",
}
NO_THINGS = ("index", "colours", "palette")  # codings that tell no objects apart by themselves
ARRAYS = (".hdf5", ".h5")
MOST_ARRAY = 16 << 20  # bytes of an HDF5 in which the names of arrays are looked for


def known(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each root that has the pictures of a preset and any of its labels."""
    for preset in presets.known():
        done = set[str]()
        for layout in presets.layouts({"preset": preset}):
            for root, images in _matched(glimpse, layout["images"]).items():
                found = _found(glimpse, preset, layout, root, images)
                if found and root not in done:
                    done.add(root)
                    yield found


def _found(
    glimpse: Glimpse, preset: str, layout: Mapping[str, Any], root: str, images: list[re.Match[str]]
) -> Found | None:
    """The source of a layout below a root; None if that has not all that it needs."""
    here = [path[len(root) + 1 if root else 0 :] for path in below(glimpse.paths, root)]
    wanted = EVIDENCE.get(preset)
    if wanted and not any(
        re.fullmatch(rf"(?:.*/)?{wanted}" if preset == "tum" else wanted, p) for p in here
    ):
        return None
    kinds = dict[str, list[str]]()
    for kind in presets.NESTED:
        if isinstance(layout.get(kind), Mapping):
            files = [m[0] for m in _matched(glimpse, layout[kind]["files"]).get(root, [])]
            if files and _holds(glimpse, layout[kind], files[0]):
                kinds[kind] = files
    if not kinds:
        return None
    splits = sorted({m["split"] for m in images if "split" in m.re.groupindex})
    split = layout.get("split", "")
    options: dict[str, Any] = {"preset": preset}
    if splits and split not in splits:
        options["split"] = split = splits[0]
    more = [each for each in splits if each != split]
    count = sum(m["split"] == split for m in images) if splits else len(images)
    segments = layout.get("segments", {})
    flat = segments.get("coding") in NO_THINGS and "things" not in segments
    extra = _beside(glimpse, root, layout)
    return Found(
        name="" if root else preset,
        root=root,
        about=f"the layout of {preset}: {counted(count, 'picture')} with {listed(list(kinds))}",
        count=count,
        labels=tuple(kinds),
        unfit=NOT_COUNTED if flat else (),
        options=options,
        notes=(f"also there, by split: {', '.join(more)}",) if more else (),
        files=frozenset(
            [*(m[0] for m in images), *(p for files in kinds.values() for p in files), *extra]
        ),
    )


def _matched(glimpse: Glimpse, pattern: str) -> dict[str, list[re.Match[str]]]:
    """Root -> the files that match a pattern below it; of one that begins anywhere, the nearest."""
    regex = compiled(pattern, "images").regex.pattern
    found = by_root(glimpse.paths, re.compile(f"{ROOT}(?:{regex})"))
    if not pattern.startswith("**/"):
        return found
    matches = [match for matches in found.values() for match in matches]
    tops: dict[str, list[re.Match[str]]] = {}
    for match in matches:
        tops.setdefault(match["folders1"].split("/")[0], []).append(match)
    if len(tops) > 1 and "" not in tops:
        return {_common([m["folders1"] for m in each]): each for each in tops.values()}
    return {_common([m["folders1"] for m in matches]): matches} if matches else {}


def _common(folders: list[str]) -> str:
    return posixpath.commonpath([f"/{folder}" for folder in folders])[1:]


def _holds(glimpse: Glimpse, kind: Mapping[str, Any], path: str) -> bool:
    """Whether a file holds what a kind of label needs: an array's name, an outline of YOLO."""
    if kind.get("coding") == "yolo-seg":
        return bool(OUTLINE.search(glimpse.head(path)))
    if path.endswith(ARRAYS):
        return str(kind.get("dataset", "")).encode() in glimpse.head(path, MOST_ARRAY)
    return True


def _beside(glimpse: Glimpse, root: str, layout: Mapping[str, Any]) -> list[str]:
    """Pictures below the root that belong to the layout as other kinds do: coloured masks."""
    folders = {
        joined(root, str(layout[kind]["files"]).split("{")[0].rstrip("/"))
        for kind in presets.NESTED
        if isinstance(layout.get(kind), Mapping) and not str(layout[kind]["files"]).startswith("**")
    }
    return [p for f in folders if f != root for p in below(glimpse.paths, f) if is_picture(p)]
