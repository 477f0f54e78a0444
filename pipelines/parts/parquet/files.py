"""Which files of a root are the tables of a source: by pattern, and of which split.

A split is a word of a path: of data/train-00000-of-00002.parquet, train/0000.parquet or
train.parquet it is train.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from vbdata.core.types import FileRef
from vbdata.errors import SourceError

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

    from ..folders.patterns import Pattern

TYPE = ".parquet"
SPLITS = ("train", "training", "validation", "valid", "val", "dev", "test", "eval")
ALL = "all"


def matching(patterns: Sequence[Pattern], sizes: Collection[str]) -> list[str]:
    """The paths that match a pattern, every Parquet file without one, sorted."""
    seen = [path for path in sizes if not path.startswith(".") and "/." not in path]
    if patterns:
        kept = [p for p in seen if any(each.parts(p) is not None for each in patterns)]
    else:
        kept = [path for path in seen if path.lower().endswith(TYPE)]
    return sorted(kept)


def of_split(paths: Sequence[str], split: str, where: str) -> list[str]:
    """Those of a split. where: the root, for messages. Raises SourceError.

    Without a split, paths may name one at most.
    """
    known = [word for word in SPLITS if any(_has(path, word) for path in paths)]
    if not split and len(known) > 1:
        listed = ", ".join(known)
        raise SourceError(f"{where}: split: is to be set: {listed}; {ALL} takes all files")
    if split in ("", ALL):
        return list(paths)
    kept = [path for path in paths if _has(path, split)]
    if not kept:
        listed = ", ".join(known) or "none that is known"
        raise SourceError(f"{where}: split: no file of {split!r}. Found: {listed}")
    return kept


def _has(path: str, word: str) -> bool:
    return bool(re.search(rf"(?:^|[/._-]){re.escape(word)}(?:[/._-]|$)", path))


def find(
    root: Root, patterns: Sequence[Pattern], split: str, sizes: Mapping[str, int]
) -> list[FileRef]:
    """The tables of a source. Raises SourceError if there are none."""
    paths = matching(patterns, sizes)
    if not paths:
        asked = " or ".join(each.text for each in patterns)
        what = f"files: no file matches {asked!r}" if patterns else f"no *{TYPE} in it"
        raise SourceError(f"{root.url}: {what}{hint(sizes)}")
    return [FileRef(path=p, size=sizes[p]) for p in of_split(paths, split, root.url)]


def hint(sizes: Collection[str]) -> str:
    """What to do where there is no table, from what else is there."""
    if any(path.endswith(".arrow") for path in sizes):
        return "; *.arrow is what save_to_disk writes: write the data set with to_parquet"
    if any(path.lower().endswith((".jsonl", ".ndjson")) for path in sizes):
        return '; for JSON lines say files: "*.jsonl"'
    return '; the option files says which they are, such as files: "data/*.parquet"'
