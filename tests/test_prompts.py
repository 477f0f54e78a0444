"""Prompts: nothing unfilled, nothing doubled, plurals that are words."""

from __future__ import annotations

import re

import pytest

from vbdata import plugins
from vbdata.prompts import plural, prompt, prompt_digest, templates
from vbdata.rand import Stream

SLOTS = {
    "legend": "car in red",
    "background": " Rest black.",
    "plural": "cars",
    "caption": "A cat.",
}


@pytest.mark.parametrize("task", plugins.names(plugins.TASKS))
def test_no_prompt_is_malformed(task: str) -> None:
    assert len(templates(task)) >= 5
    seen = {prompt(task, Stream(task, k), **SLOTS) for k in range(500)}
    assert len(seen) >= len(templates(task))
    for text in seen:
        assert not re.search(r"[\[\]{}|]|  |\b(\w+) \1\b|\ba [aeio]|\.\.|^\s|\s$", text), text
        assert text[0].isupper()


def test_a_missing_slot_is_an_error() -> None:
    with pytest.raises(KeyError, match="plural"):
        prompt("instance", Stream(0), background="")


def test_slots_are_not_expanded() -> None:
    texts = {prompt("generate", Stream(k), caption="A [b|c] {d}.") for k in range(50)}
    assert all(text.endswith("A [b|c] {d}.") for text in texts)


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("car", "cars"), ("bus", "buses"), ("person", "people"), ("sheep", "sheep"),
        ("wine glass", "wine glasses"), ("knife", "knives"), ("sandwich", "sandwiches"),
        ("toothbrush", "toothbrushes"), ("mouse", "mice"), ("teddy bear", "teddy bears"),
        ("baseball glove", "baseball gloves"), ("box", "boxes"), ("berry", "berries"),
        ("toy", "toys"), ("giraffe", "giraffes"), ("skis", "skis"), ("couch", "couches"),
    ],
)  # fmt: skip
def test_plurals(one: str, many: str) -> None:
    assert plural(one) == many


def test_the_digest_is_of_all_files() -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", prompt_digest())
