"""Texts that come from data, as a prompt can say them: in one line, without what nobody sees."""

from __future__ import annotations

import re

MOST_TEXT = 10_000  # characters; the longest captions of published sets have some 3,000

# Controls (NUL too), marks of the direction of writing, zero-width characters, soft hyphens, tags,
# lone surrogates, codes that are no characters. The list stands here because texts are bytes of a
# build: that of Python changes with its version.
_UNSEEN = (
    "\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufdd0-\ufdef"
    "\ufe00-\ufe0f\ufeff\ufff0-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff\ud800-\udfff"
)
_BLANK = re.compile("[\u115f\u1160\u2800\u3164\uffa0]")  # letters without a shape
_FLAG = "\U0001f3f4[\U000e0030-\U000e007a]{3,6}\U000e007f"  # of England, say: made of tags
_JOINER = f"(?<=[^\x01-\x7f{_UNSEEN}]|\ufe0f)[\u200c\u200d](?=[^\x01-\x7f{_UNSEEN}])"
_SELECTOR = f"(?<=[^\\s{_UNSEEN}])[\ufe00-\ufe0f]"
_IDEOGRAPH = "(?<=[\u3400-\u9fff\U00020000-\U0003ffff])[\U000e0100-\U000e01ef]"
_PIECES = re.compile(f"({_FLAG}|{_JOINER}|{_SELECTOR}|{_IDEOGRAPH})|[{_UNSEEN}]")


def seen(text: str) -> str:
    """A text as one line of characters that can be seen, with single spaces.

    White space of any kind becomes one space. Left out are control characters (NUL too), marks of
    the direction of writing, zero-width characters, soft hyphens, tags and lone surrogates. What
    shapes its neighbours stays: a joiner between letters or emoji, the selector of a variant behind
    its character, the tags in the emoji of a flag.
    """
    if not text.isascii() and _BLANK.search(text):
        text = _BLANK.sub(" ", text)
    text = " ".join(text.split())
    if text.isascii() and text.isprintable():
        return text
    return " ".join(_PIECES.sub(lambda piece: piece[1] or "", text).split())
