"""RefCOCO, RefCOCO+ and RefCOCOg: refs(unc).p and instances.json with COCO's pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..parts.refcoco.entries import PICTURES
from ..refcoco import SPLITS
from .parts.places import OFFICIAL, ROOT, below, by_root, counted, first, joined, others

RANK = OFFICIAL
REFS = re.compile(ROOT + r"(?:data/)?(?P<variant>refcoco[+g]?)/refs\((?P<by>unc|umd|google)\)\.p")
MOST_REFS = 64 << 20  # bytes of a pickle in which the names of splits are looked for


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each of the three, by the split of its authors that others use most."""
    paths = glimpse.paths
    for root, matches in by_root(paths, REFS).items():
        folders = [joined(root, top + at) for top in ("", "data/") for at, _ in PICTURES]
        pictures = [path for folder in dict.fromkeys(folders) for path in below(paths, folder)]
        for variant in sorted({match["variant"] for match in matches}):
            there = {match["by"] for match in matches if match["variant"] == variant}
            by = first(SPLITS[variant], there)
            (refs,) = (m[0] for m in matches if (m["variant"], m["by"]) == (variant, by))
            splits = _splits(glimpse.head(refs, MOST_REFS), SPLITS[variant][by])
            split = first(SPLITS[variant][by], splits) or "train"
            tables = {m[0].rpartition("/")[0] for m in matches if m["variant"] == variant}
            own = [path for folder in tables for path in below(paths, folder)]
            masks = any(path.endswith("/instances.json") for path in own)
            lacking = "" if masks else "instances.json"
            yield Found(
                name=variant.replace("+", "-plus"),
                root=root,
                about=f"{variant} by {by}, and {counted(len(pictures), 'picture')}",
                count=len(pictures),
                labels=("segments", "expressions"),
                options={"variant": variant, "by": by, "split": split},
                notes=(*others("by", by, there), *others("split", split, splits)),
                files=frozenset(own),
                shared=frozenset(pictures),
                lacking=lacking or ("" if pictures else "COCO's pictures of train2014"),
            )


def _splits(pickle: bytes, known: tuple[str, ...]) -> list[str]:
    """The splits that a pickle names as such, not in the names of its pictures."""
    return [
        split
        for split in known
        if re.search(rb"(?<![_A-Za-z])%s(?![0-9A-Za-z])" % split.encode(), pickle)
    ]
