"""The 894 class names of NYUv2 as a prompt says them, and which of them can be counted.

The data do not state what can be counted. Here everything can but wall, floor and ceiling, and
classes whose name is its own plural (books, clothes, blinds), since such a name stands for a heap.
The class "unknown" is void. Source of the names: ESANet (src/datasets/nyuv2/nyuv2.py).
"""

from __future__ import annotations

from vbdata.core.english import plural

from ..coded_segments import Kind

STUFF = ("wall", "floor", "ceiling")
UNKNOWN = "unknown"
VOID = Kind("", False)
SPELLING = {  # the data's spelling -> the usual one
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
    """The classes by label, of which 0 is void. names: those of labels 1, 2, ..."""
    return [VOID, *map(_kind, names)]


def _kind(name: str) -> Kind:
    spelled = " ".join(SPELLING.get(word, word) for word in name.lower().split())
    if spelled in ("", UNKNOWN):
        return VOID
    return Kind(spelled, spelled not in STUFF and plural(spelled) != spelled)
