"""The 894 class names of NYUv2 as a prompt says them, and which of them can be counted.

The data do not say what can be counted. So: not wall, floor and ceiling, and nothing whose name is
its own plural (books, clothes, blinds), as such a name stands for a heap. The class "unknown" is
void. Source of the names: ESANet (src/datasets/nyuv2/nyuv2.py), which lists them all.
"""

from __future__ import annotations

from vbdata.core.english import plural

from ..coded_segments import Kind

STUFF = ("wall", "floor", "ceiling")
UNKNOWN = "unknown"
VOID = Kind("", False)
SPELLING = {  # as words are spelt there
    "cannister": "canister",
    "collander": "colander",
    "deoderant": "deodorant",
    "desser": "dresser",
    "excercise": "exercise",
    "fruitplate": "fruit plate",
    "hoola": "hula",
    "kichen": "kitchen",
    "ladel": "ladle",
    "mailshelf": "mail shelf",
    "manilla": "manila",
    "mellon": "melon",
    "refridgerator": "refrigerator",
    "scenary": "scenery",
    "suger": "sugar",
    "toyhouse": "toy house",
    "trolly": "trolley",
    "vasoline": "vaseline",
    "watermellon": "watermelon",
    "wreathe": "wreath",
}


def kinds(names: list[str]) -> list[Kind]:
    """The classes by label; names: those of labels 1, 2, ... Label 0 is void."""
    return [VOID, *map(_kind, names)]


def _kind(name: str) -> Kind:
    said = " ".join(SPELLING.get(word, word) for word in name.lower().split())
    if said in ("", UNKNOWN):
        return VOID
    return Kind(said, said not in STUFF and plural(said) != said)
