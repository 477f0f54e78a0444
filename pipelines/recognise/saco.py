"""SA-Co/Gold: three files of annotations for each subset, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..saco import ANNOTATORS, SUBSETS
from .parts.places import OFFICIAL, below, counted, parent

RANK = OFFICIAL
FILE = re.compile(
    rf"(?:.*/)?gold_(?P<subset>{'|'.join(SUBSETS)})_merged_(?P<annotator>[abc])_release_test\.json"
)
PICTURE = re.compile(r"(?:.*/)?(?:metaclip_\d+_\d+_\w+|sa_\d+)\.jpe?g")
PAIR = re.compile(rb'"text_input"')


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each subset; the root is the deepest folder with annotations and pictures."""
    paths = glimpse.paths
    files = [match for path in paths if (match := FILE.fullmatch(path))]
    pictures = [path for path in paths if PICTURE.fullmatch(path)]
    for subset in SUBSETS:
        here = [match for match in files if match["subset"] == subset]
        if not here:
            continue
        root = parent(here[0][0])
        while root and not below(pictures, root):
            root = parent(root)
        lost = set(ANNOTATORS) - {match["annotator"] for match in here}
        own = [
            path for path in below(pictures, root) if ("/sa_" in f"/{path}") == (subset == "sa1b")
        ]
        lacking = f"the file of annotator {min(lost)}" if lost else ""
        count = len(PAIR.findall(glimpse.head(here[0][0], 1 << 26)))
        yield Found(
            name=f"saco-{subset.replace('_', '-')}",
            root=root,
            about=f"SA-Co/Gold: {counted(count, 'pair')} of {subset}, with pictures",
            count=count,
            labels=("segments", "expressions"),
            unfit=("panoptic", "semantic"),
            options={"subset": subset},
            files=frozenset(match[0] for match in here),
            shared=frozenset(own),
            lacking=lacking or ("" if own else "the pictures that it names"),
        )
