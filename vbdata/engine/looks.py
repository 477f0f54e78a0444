"""What `vbdata doctor` looks at in a source's files: how pictures are turned, how far depth is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from vbdata import plugins
from vbdata.core.arrays import numpy
from vbdata.core.exif import UPRIGHT
from vbdata.core.glance import glance
from vbdata.core.labels import Depth
from vbdata.core.types import Entry
from vbdata.errors import BadSample
from vbdata.sources.watched import Question, Watched
from vbdata.storage.root import Root

HEAD = 1 << 16  # bytes of a picture that are read
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")
SHARDS = (".tar", ".parquet")  # files of many records, whose pictures their reader finds


class _Kept(Watched):
    """A root that keeps the beginning of all that is read from it."""

    def __init__(self, root: Root) -> None:
        super().__init__(root)
        self.heads: list[bytes] = []

    def answer(self, question: Question) -> Any:
        """What the other root answers. Raises BadSample and OSError as that root does."""
        answer = super().answer(question)
        if isinstance(answer, bytes):
            self.heads.append(bytes(answer[:HEAD]))
        return answer


def turned(root: Root, dataset: str, entries: Sequence[Entry]) -> tuple[int, Counter[int]]:
    """How many pictures of some records could be looked at, and how many have each orientation.

    dataset: their reader. Orientations are those of Exif, 2 to 8; 1 is upright and not counted.
    """
    looked, counts = 0, Counter[int]()
    for entry in entries:
        found = _orientation(root, dataset, entry)
        looked += found > 0
        if found > UPRIGHT:
            counts[found] += 1
    return looked, counts


def _orientation(root: Root, dataset: str, entry: Entry) -> int:
    """The orientation of a record's picture; 0 where there is none to be looked at."""
    file = entry.files.get("image")
    if file is None or file.size < 0:
        return 0
    heads = []
    try:
        if file.path.lower().endswith(PICTURES):
            heads = [root.read_range(file.path, 0, HEAD)]
        elif file.path.lower().endswith(SHARDS):
            kept = _Kept(root)
            heads = kept.heads
            plugins.dataset(dataset).load(kept, entry, ())
    except BadSample:  # told by the trial, or seen already
        pass
    for head in heads:
        try:
            if seen := glance(head):
                return seen.orientation
        except BadSample:
            continue
    return 0


class DepthSeen:
    """The range of depth in the records of a trial, in metres or, of unknown scale, as it is."""

    def __init__(self) -> None:
        self._unit = " m"
        self._medians: list[float] = []
        self._least, self._most, self._known, self._pixels = np.inf, 0.0, 0, 0

    def add(self, label: object, labels: Sequence[str]) -> None:
        """Add a record's label, if it is depth. labels: the kinds that the record has."""
        if not isinstance(label, Depth):
            return
        if "depth" not in labels:
            self._unit = ""
        metres, valid = numpy(label.metres), numpy(label.valid)
        seen = metres[valid & np.isfinite(metres)]
        self._known, self._pixels = self._known + int(valid.sum()), self._pixels + valid.size
        if seen.size:
            self._medians.append(float(np.median(seen)))
            self._least = min(self._least, float(seen.min()))
            self._most = max(self._most, float(seen.max()))

    def text(self) -> str:
        """The range in words; "" if no depth was seen."""
        if not self._medians:
            return ""
        return (
            f"in {len(self._medians)} records {self._least:.4g} to {self._most:.4g}{self._unit}, "
            f"median {np.median(self._medians):.4g}{self._unit}, for "
            f"{self._known / self._pixels:.1%} of the pixels"
        )
