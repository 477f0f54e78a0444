"""Records by their names: ids, groups, globs of them, and files that list some."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbdata.core.filters import Picked
from vbdata.errors import one_line

Mask = NDArray[np.bool_]
GLOB = re.compile(r"[*?\[]")
PIECE = re.compile(r"\[!?\]?[^\]]*\]|.", re.DOTALL)
EXAMPLES = 3  # ids that are named to show how they are written


def glob_pattern(glob: str) -> str:
    """A glob as a regular expression of RE2 that matches whole texts.

    * is any text, with slashes too, ? one character, [ab] and [a-z] one of some, [!ab] any other.
    """
    pieces = []
    for piece in PIECE.findall(glob):
        if piece in "*?":
            pieces.append(".*" if piece == "*" else ".")
        elif len(piece) > 1:
            inside = piece[1:-1].replace("\\", r"\\").replace("[", r"\[")
            negated, inside = inside[:1] == "!", inside.removeprefix("!")
            inside = inside.replace("]", r"\]").replace("^", r"\^")
            pieces.append(f"[{'^' * negated}{inside}]")
        else:
            pieces.append(re.escape(piece))
    return rf"\A(?s:{''.join(pieces)})\z"


def like(texts: pa.Array | pa.ChunkedArray, glob: str) -> Mask:
    """bool[texts]: which texts a glob matches as a whole; none for one such as [z-a]."""
    try:
        return _any(pc.match_substring_regex(texts, glob_pattern(glob)))
    except pa.ArrowInvalid:
        return np.zeros(len(texts), np.bool_)


def matching(picked: Picked, facts: pa.Table) -> tuple[Mask, list[str]]:
    """bool[entries] that match, and the patterns that match none. facts: of an index.

    A pattern is an id or a group; where none is written so, a glob of them. Lines of files are ids
    and groups alone. Of a file that has no match its name stands among the patterns.
    """
    found, idle = np.zeros(len(facts), np.bool_), []
    ids, groups = facts["id"], facts["group"]
    for pattern in picked.patterns:
        hit = _any(pc.equal(ids, pattern), pc.equal(groups, pattern))
        if not hit.any() and GLOB.search(pattern):
            hit = like(ids, pattern) | like(groups, pattern)
        if not hit.any():
            idle.append(repr(pattern))
        found |= hit
    for name, lines in picked.files.items():
        listed = pa.array(sorted(lines), pa.string())
        hit = _any(pc.is_in(ids, listed), pc.is_in(groups, listed))
        if not hit.any():
            idle.append(f"each of the {len(lines)} lines of {name}")
        found |= hit
    return found, idle


def unmatched(picked: Picked, facts: pa.Table) -> dict[str, list[str]]:
    """By list file, those of its lines that are no id and no group of the index, if any; sorted."""
    lost = {}
    for name, lines in picked.files.items():
        listed = pa.array(sorted(lines), pa.string())
        known = {
            text
            for column in (facts["id"], facts["group"])
            for text in column.filter(pc.is_in(column, listed)).to_pylist()
        }
        if lines - known:
            lost[name] = sorted(lines - known)
    return lost


def examples(facts: pa.Table) -> str:
    """Some ids and a group of an index, to show how they are written."""
    texts = [*facts["id"].slice(0, EXAMPLES).to_pylist(), facts["group"][0].as_py()]
    return ", ".join(repr(one_line(text, 100)) for text in texts)


def _any(*masks: pa.ChunkedArray) -> Mask:
    arrays = [np.asarray(mask.to_numpy(zero_copy_only=False), np.bool_) for mask in masks]
    return np.logical_or.reduce(arrays)
