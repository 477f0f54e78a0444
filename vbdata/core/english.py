"""The English that prompts need: sentences, series and plurals.

Written here because prompts are bytes of a build: the rules of a library change with its version.
"""

from __future__ import annotations

import re
from collections.abc import Sequence


def sentence(text: str) -> str:
    """A text as a sentence: single spaces, a capital first letter, one final full stop.

    A first word with capitals further on stays as it is ("iPhone"); an empty text stays empty.
    """
    text = " ".join(text.split()).rstrip(" .,;:…")
    if not text:
        return ""
    first = text.partition(" ")[0]
    if first.islower():
        text = text[0].upper() + text[1:]
    return text if re.search(r"[.!?]\W*$", text) else text + "."


def series(items: Sequence[str]) -> str:
    """Items as one phrase: `a`, `a and b`, `a, b and c`.

    Where an item has a comma outside brackets, `a, b; and c`. Raises ValueError for no items.
    """
    *most, last = items
    if not most:
        return last
    if any("," in re.sub(r"\(.*?\)|<.*?>", "", item) for item in items):
        return "; ".join(most) + "; and " + last
    return ", ".join(most) + " and " + last


_PLURALS = {
    "person": "people",
    "child": "children",
    "mouse": "mice",
    "tooth": "teeth",
    "foot": "feet",
    "goose": "geese",
    "ox": "oxen",
    "tv": "TVs",
    "broccoli": "broccoli florets",
    "potato": "potatoes",
    "tomato": "tomatoes",
    "scarf": "scarves",
    "gas": "gases",
    "lens": "lenses",
    "canvas": "canvases",
}
_SAME = re.compile(
    "sheep|deer|moose|bison|cattle|shrimp|squid|.*fish|.*craft|skis|taxis|.*furniture|luggage"
    "|people|(wo|snow|fire|police|fisher)?men"
)
_NOT_MEN = ("human", "ottoman", "caiman", "shaman", "talisman")
_VES = re.compile(r"(?<=[ln]i)fe$|(?<=wi)fe$|(?<=el|al|ol|ea|oa)f$")


def plural(noun: str) -> str:
    """The plural of an English class name: "wine glasses", "knives". Plurals stay as they are.

    The last word changes, or the last one before "of": "pairs of scissors".
    """
    head, of, rest = noun.partition(" of ")
    first, space, last = head.rpartition(" ")
    return first + space + _plural_word(last) + of + rest


def _plural_word(word: str) -> str:
    low = word.lower()
    irregular = _PLURALS.get(low)
    if irregular:
        return irregular[0].upper() + irregular[1:] if word[0].isupper() else irregular
    if _SAME.fullmatch(low) or low in _PLURALS.values():
        return word
    if low.endswith("man") and not low.endswith(_NOT_MEN):
        return word[:-2] + "en"
    if low.endswith(("ss", "us", "is", "x", "z", "ch", "sh")):
        return word + "es"
    if low.endswith("s"):
        return word  # scissors, clothes, blinds, shelves
    if low.endswith("y") and low[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return _VES.sub("ves", word) if _VES.search(low) else word + "s"
