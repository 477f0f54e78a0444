"""The English that prompts need: sentences, series and plurals.

Written here because prompts are bytes of a build: the rules of a library change with its version.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# The characters that end a sentence in Unicode's scripts (UAX 44, Sentence_Terminal), the ellipsis,
# the colon, and the marks of Tibetan. Brackets, quotes and the like may follow all but the colon.
_ENDS = (
    ".!?\u2026\u0589\u061d-\u061f\u06d4\u0700-\u0702\u07f9\u0964\u0965\u0f0d-\u0f11\u104a\u104b\u1362"
    "\u1367\u1368\u166e\u1735\u1736\u17d4\u17d5\u1803\u1809\u1944\u1945\u1aa8-\u1aab\u1b5a\u1b5b\u1b5e"
    "\u1b5f\u1c3b\u1c3c\u1c7e\u1c7f\u203c\u203d\u2047-\u2049\u2e2e\u3002\ua4ff\ua60e\ua60f\ua6f3\ua6f7"
    "\ua876\ua877\ua8ce\ua8cf\ua92f\ua9c8\ua9c9\uaa5d-\uaa5f\uaaf0\uaaf1\uabeb\ufe52\ufe56\ufe57\uff01"
    "\uff0e\uff1f\uff61"
)
_ENDED = re.compile(rf"[{_ENDS}]\W*$|[:\uff1a]$")
_CHINESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]\W*$")  # and Japanese
_LOOSE = " .,;\uff0c\uff1b\u3001\u060c\u061b"
# A scheme, an e-mail address, or a name that ends as sites and pictures do: "a.org/b", "a.jpg".
_ADDRESS = re.compile(
    r"[\"'(<]*(?:[A-Za-z][A-Za-z0-9+.-]*://|mailto:|www\.|[^\s@]+@[^\s@]"
    r"|[\w.-]+\.(?:com|org|net|edu|gov|io|ai|jpe?g|png|gif|webp)\b(?:[/:?#]\S*)?\W*$)"
)


def sentence(text: str) -> str:
    """A text as a sentence: single spaces, a capital first letter, one final full stop.

    A first word with capitals further on stays as it is ("iPhone"), and so does an address or a
    file's name ("https://a.org", "a.jpg"); an empty text stays empty. A final ellipsis or colon
    stays, as does every character that ends a sentence in its script, such as "。"; other
    trailing dots, commas and semicolons give way to the full stop, which after Chinese and Japanese
    is "。", and is left out after an address.
    """
    text = " ".join(text.split()).rstrip(_LOOSE)
    if not text:
        return ""
    words, capital = text.split(" "), text[0].title()
    if words[0].islower() and not _ADDRESS.match(words[0]) and len(capital) == 1:
        text = capital + text[1:]
    if _ENDED.search(text) or _ADDRESS.match(words[-1]):
        return text
    return text + ("。" if _CHINESE.search(text) else ".")


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

    The last word changes, or the last one before "of" or brackets: "pairs of scissors", "bows
    (weapon)".
    """
    named, bracket, said = noun.partition(" (")
    if bracket and named:
        return plural(named) + bracket + said
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
