"""Texts of every reader's entries, as prompts can say them."""

from __future__ import annotations

from dataclasses import replace

from vbdata.core.texts import MOST_TEXT
from vbdata.core.types import Entry, Expression
from vbdata.index.presentable import presentable

ENTRY = Entry(
    id="a\u200b",
    group="a",
    width=1,
    height=1,
    license="",
    files={},
    labels=("captions", "segments"),
    captions=("A cat.\n", "A  dog"),
    instructions=("make it red",),
    expressions=(Expression(text="the cat", targets=(0,)), Expression(text="猫", targets=(1,))),
)


def test_usual_texts_stay_as_they_are() -> None:
    assert presentable(ENTRY) is ENTRY


def test_texts_that_no_prompt_can_say() -> None:
    long = "cat " * MOST_TEXT
    odd = replace(
        ENTRY,
        captions=("A\0 cat.", "A cat.", "\u200b", long, "a\nb"),
        instructions=(long, "\u202e"),
        expressions=(
            Expression(text="\u202ethe cat", targets=(0,)),
            Expression(text="\0", targets=()),
        ),
    )
    assert presentable(odd) == replace(
        ENTRY,
        captions=("A cat.", "a\nb"),
        instructions=(),
        expressions=(Expression(text="the cat", targets=(0,)),),
    )
