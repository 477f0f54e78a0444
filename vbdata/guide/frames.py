"""How depth and normals are stored in each data set, as one table of all readers.

Every reader of depth or normals says it by its constant STORED (vbdata.plugins.contract), beside
the code that reads it. docs/frames.md has the table between two marks: `renewed` writes it anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vbdata import plugins
from vbdata.plugins.contract import STORED_KEYS

KINDS = frozenset({"depth", "relative_depth", "normals"})  # labels whose frame and unit is asked
HEADS = ("reader", "depth is", "in", "sky", "not valid", "normals: x, y, z point")
BEGIN, END = "<!-- by vbdata.guide.frames -->\n", "<!-- to here -->\n"


def stored() -> Iterator[tuple[str, Mapping[str, str]]]:
    """The readers that offer any of KINDS, by name, each with its STORED, empty if it has none."""
    for name, module in plugins.all_usable(plugins.DATASETS).items():
        if KINDS & {*module.LABELS}:
            yield name, getattr(module, "STORED", {})


def table() -> str:
    """The table as Markdown, a row for each reader that says how its labels are stored."""
    rows = [HEADS, ("---",) * len(HEADS)]
    rows += [(f"`{name}`", *(said[key] for key in STORED_KEYS)) for name, said in stored() if said]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def renewed(page: str) -> str:
    """A page with its table written anew. Raises ValueError for a page without the two marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"a page without the marks {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"
