"""Instructions from templates: YAML files beside the tasks, filled by a keyed stream.

A template is a sentence with alternatives, `[a depth map|the depth]`, which may nest, and slots,
`{legend}`. One template is chosen, then each alternative, then the slots are filled.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import re
from importlib.resources.abc import Traversable

import yaml

from vbdata.rand import Stream

_INNERMOST = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{([a-z_]+)\}")


def _folder() -> Traversable:
    return importlib.resources.files("transforms") / "prompts"


@functools.cache
def templates(task: str) -> tuple[str, ...]:
    """The templates of a task, in the order of its file."""
    text = (_folder() / f"{task}.yaml").read_text(encoding="utf-8")
    return tuple(" ".join(t.split()) for t in yaml.safe_load(text)["templates"])


def prompt(task: str, rng: Stream, /, **slots: str) -> str:
    """One instruction. Raises KeyError for a slot of the template that is not given."""
    text = rng.choice(templates(task))
    while found := _INNERMOST.search(text):
        option = rng.choice(found.group(1).split("|"))
        text = text[: found.start()] + option + text[found.end() :]
    return _SLOT.sub(lambda slot: slots[slot.group(1)], text)


@functools.cache
def prompt_digest() -> str:
    """SHA-256 over all template files, by name."""
    digest = hashlib.sha256()
    for item in sorted(_folder().iterdir(), key=lambda item: item.name):
        if item.name.endswith(".yaml"):
            digest.update(item.name.encode() + b"\0" + item.read_bytes() + b"\0")
    return digest.hexdigest()


_PLURALS = {
    "person": "people",
    "man": "men",
    "woman": "women",
    "child": "children",
    "mouse": "mice",
    "sheep": "sheep",
    "skis": "skis",
    "scissors": "scissors",
    "broccoli": "broccoli florets",
    "aircraft": "aircraft",
}


def plural(noun: str) -> str:
    """The plural of an English class name, by its last word: "wine glasses", "knives"."""
    first, space, last = noun.rpartition(" ")
    if last in _PLURALS:
        return first + space + _PLURALS[last]
    if last.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if last.endswith("y") and last[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    if last.endswith(("ife", "eaf", "elf")):
        return noun.removesuffix("fe").removesuffix("f") + "ves"
    return noun + "s"
