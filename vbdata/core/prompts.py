"""Instructions from templates: YAML files in transforms/prompts, filled by keyed random choices.

The keys of a file:
    version     an integer, raised with every change of wording
    slots       each slot, and what it stands for
    templates   sentences; one that is to come up more often is a mapping to its weight
    NAMEs       for a slot NAME: phrases to fill it with, in lists under keys of the task's choosing

A template or phrase may have alternatives, `[a depth map|the depth]`, which may nest. A template
may have slots, `{legend}`, each exactly once whichever alternatives are taken. A template is drawn,
then each of its alternatives; text that fills a slot is never expanded.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from vbdata.core.rng import Stream
from vbdata.errors import choices

_OWN: ContextVar[tuple[str, str]] = ContextVar("own", default=("", ""))  # a task, and its words
_PIECE = re.compile(r"\{[a-z_]+\}|[^][|{}]+|.")


@dataclass(frozen=True)
class Slot:
    """A place in a template for text that the task provides under this name."""

    name: str


@dataclass(frozen=True)
class Choice:
    """A place in a template for one of several texts, all equally likely."""

    options: tuple[Text, ...]


Text: TypeAlias = tuple[str | Slot | Choice, ...]


@dataclass(frozen=True)
class Wording:
    """A task's template file, parsed and checked.

    templates: as they stand in the file; turns: parsed, each as often as its weight, to draw from;
    phrases: name -> key -> parsed phrases.
    """

    version: int
    slots: frozenset[str]
    templates: tuple[str, ...]
    turns: tuple[Text, ...]
    phrases: Mapping[str, Mapping[str, tuple[Text, ...]]]


def prompt(task: str, rng: Stream, /, **slots: str) -> str:
    """Draw one instruction of a task, its slots filled with the given texts.

    Raises KeyError unless the given slots are exactly those of the task's file.
    """
    words = wording(task)
    if slots.keys() != words.slots:
        needed, given = ", ".join(sorted(words.slots)), ", ".join(sorted(slots))
        raise KeyError(f"{task}.yaml has the slots {needed or 'none'}; given: {given or 'none'}")
    return _fill(rng.choice(words.turns), rng, slots)


def phrase(task: str, name: str, key: str, rng: Stream, /) -> str:
    """Draw one of the phrases that a task's file lists under `name`, `key`.

    Raises KeyError if the file has no such name or key.
    """
    phrases = wording(task).phrases.get(name, {})
    if key not in phrases:
        raise KeyError(f"{task}.yaml has no {name} for {key!r}" + choices(key, phrases))
    return _fill(rng.choice(phrases[key]), rng, {})


@contextmanager
def in_words_of(task: str, own: str) -> Iterator[None]:
    """Inside the `with` block a task's prompts have the words of a recipe's own templates.

    own: the content of a template file as JSON, "" for the task's own file. Phrases that it does
    not list are those of the task's file. Raises ValueError if it is malformed.
    """
    if not own:
        yield
        return
    before = _OWN.set((task, own))
    try:
        yield
    finally:
        _OWN.reset(before)


@functools.cache
def own_wording(task: str, own: str) -> Wording:
    """A recipe's own templates for a task, checked as the task's file is.

    own: the content of a template file as JSON. Raises ValueError if it is malformed, has other
    slots than the task's file, or phrases that no prompt of the task asks for.
    """
    words, usual = _wording(json.loads(own)), file_wording(task)
    if words.slots != usual.slots:
        raise ValueError(f"has the slots {sorted(words.slots)}, must have {sorted(usual.slots)}")
    for name, phrases in words.phrases.items():
        known = usual.phrases.get(name, {})
        if unknown := sorted(phrases.keys() - known.keys()):
            raise ValueError(
                f"{name}: no prompt asks for {unknown[0]!r}{choices(unknown[0], known)}"
            )
        if missing := sorted(known.keys() - phrases.keys()):
            raise ValueError(f"{name}: lacks phrases for {missing[0]!r}")
    return replace(words, phrases={**usual.phrases, **words.phrases})


def templates(task: str) -> tuple[str, ...]:
    """The templates of a task as text, in the order of its file."""
    return wording(task).templates


def wording(task: str) -> Wording:
    """The templates of a task's file, or those of a recipe inside `in_words_of`; parsed once.

    Raises ValueError if they are malformed, FileNotFoundError if the task has none.
    """
    own = _OWN.get()
    return own_wording(*own) if own[0] == task else file_wording(task)


@functools.cache
def file_wording(task: str) -> Wording:
    """A task's template file, parsed once a process. Raises as `wording` does."""
    file = f"{task}.yaml"
    return read(file, (_folder() / file).read_text(encoding="utf-8"))


@functools.cache
def prompt_digest() -> str:
    """SHA-256, in hexadecimal, over the content of all template files: comments move none."""
    digest = hashlib.sha256()
    for item in sorted(_folder().iterdir(), key=lambda item: item.name):
        if item.name.endswith(".yaml"):
            text = item.read_text(encoding="utf-8")
            try:
                content = json.dumps(_content(text), sort_keys=True, default=str)
            except (yaml.YAMLError, TypeError):  # whoever asks in its words is told
                content = text
            digest.update(f"{item.name}\0{content}\0".encode())
    return digest.hexdigest()


def read(file: str, text: str) -> Wording:
    """Parse the text of a template file.

    Raises ValueError with the file's name and the faulty template or key.
    """
    try:
        return _wording(_content(text))
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{file}: {error}") from error


def _content(text: str) -> Any:
    """The values of a YAML text, by libyaml where PyYAML has it. Raises yaml.YAMLError."""
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (both are safe)


def _folder() -> Path:
    return Path(__file__).parents[2] / "transforms" / "prompts"  # see vbdata.plugins


def _fill(text: Text, rng: Stream, slots: Mapping[str, str]) -> str:
    filled = []
    for part in text:
        if isinstance(part, Choice):
            filled.append(_fill(rng.choice(part.options), rng, slots))
        else:
            filled.append(slots[part.name] if isinstance(part, Slot) else part)
    return "".join(filled)


def _wording(content: Any) -> Wording:
    top = _mapping(content, "the file")
    version, slots = top.get("version"), _mapping(top.get("slots", {}), "slots")
    if type(version) is not int or version < 1:
        raise ValueError(f"version must be an integer from 1, not {version!r}")
    sets = {f"{slot}s" for slot in slots}
    if unknown := sorted(top.keys() - {"version", "slots", "templates"} - sets):
        known = ", ".join(["version", "slots", "templates", *sorted(sets)])
        raise ValueError(f"unknown key {unknown[0]!r}. Known: {known}")
    weights = _weights(_list(top.get("templates"), "templates"))
    trees = {text: _tree(text, sorted(slots)) for text in weights}
    return Wording(
        version=version,
        slots=frozenset(slots),
        templates=tuple(weights),
        turns=tuple(trees[text] for text, weight in weights.items() for _ in range(weight)),
        phrases={name: _phrases(name, top[name]) for name in sorted(sets & top.keys())},
    )


def _weights(items: Sequence[Any]) -> dict[str, int]:
    """Template -> weight, 1 where none is given. Raises ValueError for anything else."""
    weights: dict[str, int] = {}
    for item in items:
        pair = list(item.items()) if isinstance(item, dict) else [(item, 1)]
        if len(pair) != 1 or type(pair[0][0]) is not str or type(pair[0][1]) is not int:
            raise ValueError(f"a template is a text, or one text and its weight, not {item!r}")
        text, weight = " ".join(pair[0][0].split()), pair[0][1]
        if not text or text in weights or weight < 1:
            raise ValueError(f"template {text!r} is empty or repeated, or its weight {weight} < 1")
        weights[text] = weight
    return weights


def _phrases(name: str, content: Any) -> dict[str, tuple[Text, ...]]:
    """Key -> parsed phrases, which have no slots. Raises ValueError if malformed or repeated."""
    phrases = {}
    for key, items in _mapping(content, name).items():
        texts = [_spaced(item, f"{name}: {key}") for item in _list(items, f"{name}: {key}")]
        if len(set(texts)) < len(texts):
            raise ValueError(f"{name}: {key} has a phrase twice")
        phrases[key] = tuple(_tree(text, []) for text in texts)
    return phrases


def _spaced(item: Any, where: str) -> str:
    """A phrase with single spaces; it may begin with one."""
    if not isinstance(item, str):
        raise ValueError(f"{where}: a phrase is a text, not {item!r}")
    return " " * item.startswith(" ") + " ".join(item.split())


def _mapping(content: Any, where: str) -> dict[str, Any]:
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ValueError(f"{where} must be a mapping with names for keys, not {content!r:.80}")
    return content


def _list(content: Any, where: str) -> list[Any]:
    if not isinstance(content, list) or not content:
        raise ValueError(f"{where} must be a list of at least one text, not {content!r:.80}")
    return content


def _tree(text: str, slots: Sequence[str]) -> Text:
    """Parse a template or phrase. Raises ValueError unless it has just these slots, each once."""
    try:
        tree = _parse(text)
        used = _slots(tree)
        if used != list(slots):
            raise ValueError(f"has the slots {used}, must have {list(slots)}, each once")
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from error
    return tree


def _parse(text: str) -> Text:
    nest: list[list[list[str | Slot | Choice]]] = [[[]]]  # open choices, each a list of options
    for piece in _PIECE.findall(text):
        inside = len(nest) > 1
        if piece == "[":
            nest.append([[]])
        elif piece == "|" and inside:
            nest[-1].append([])
        elif piece == "]" and inside:
            options = tuple(tuple(option) for option in nest.pop())
            if len(set(options)) < max(2, len(options)):
                raise ValueError("an alternative stands alone or twice in its brackets")
            nest[-1][-1].append(Choice(options))
        elif piece in "]|{}":
            raise ValueError(f"stray {piece!r}")
        else:
            nest[-1][-1].append(Slot(piece[1:-1]) if piece[0] == "{" else piece)
    if len(nest) > 1:
        raise ValueError("'[' without ']'")
    return tuple(nest[0][0])


def _slots(text: Text) -> list[str]:
    """The slots of a text, sorted. Raises ValueError if they depend on the alternatives taken."""
    names: list[str] = []
    for part in text:
        if isinstance(part, Slot):
            names.append(part.name)
        elif isinstance(part, Choice):
            first, *others = (_slots(option) for option in part.options)
            if any(other != first for other in others):
                raise ValueError("alternatives of one choice have different slots")
            names += first
    return sorted(names)
