"""Docstrings as pages: their blocks, and what they say of each option.

An option is explained where a sentence, a clause or a bullet begins with its name and a colon
("split: train or val; camera: left or right"), or where a table has it in its first column. A
meaning may be the path of another module, whose docstring has it then, and may name a constant of
its module, whose values are put in.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

ELSEWHERE = re.compile(r"(?:pipelines/|transforms/)?((?:parts|formats)/[\w/]+)\.py\b")
NOT_HERE = ("see above", "as for ", "of the module")
CONSTANT = re.compile(r"\b[A-Z][A-Z_]+\b")
SENTENCE = re.compile(r"(?<=[^.]\.)\s+(?=[A-Z])")
MOST_VALUES = 12  # of a constant that are put into a text

Kind = Literal["text", "bullet", "literal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of a docstring.

    kind: a paragraph ("text"), an item of a list ("bullet") or lines that stand as they are
    ("literal"); text: without the mark of a bullet, on one line unless it is literal.
    """

    kind: Kind
    text: str


def blocks(docstring: str) -> list[Block]:
    """The blocks of a docstring, its first line (the title) left out."""
    found = list[Block]()
    for part in re.split(r"\n\s*\n", inspect.cleandoc(docstring).partition("\n")[2]):
        if not part.strip():
            continue
        if part.startswith("    "):
            lines = "\n".join(line[4:] for line in part.rstrip().split("\n"))
            if found and found[-1].kind == "literal":
                lines = f"{found.pop().text}\n\n{lines}"
            found.append(Block(kind="literal", text=lines))
            continue
        pieces = re.split(r"(?:^|\n)- ", part.strip("\n"))
        kinds: Iterator[Kind] = iter(["text", *["bullet"] * (len(pieces) - 1)])  # type: ignore[list-item]
        for kind, piece in zip(kinds, pieces, strict=True):
            if text := " ".join(piece.split()):
                found.append(Block(kind=kind, text=text))
    return found


def title(docstring: str) -> str:
    """The first line of a docstring."""
    return inspect.cleandoc(docstring).partition("\n")[0]


def meanings(module: ModuleType, function: object, names: Collection[str]) -> dict[str, str]:
    """What the docstrings of a function and its module say of options: name -> meaning.

    names: of the options; one that neither explains is not there.
    """
    ends = {*names, *inspect.signature(function).parameters}  # type: ignore[arg-type]
    said = defined(inspect.getdoc(function) or "", ends, whole=False)
    above = defined(module.__doc__ or "", ends, whole=True)
    found = dict[str, str]()
    for name in names:
        meaning = said.get(name, "")
        if place := ELSEWHERE.match(meaning):
            meaning = defined(_docstring(module, place[1]), ends, whole=True).get(name, meaning)
        elif not meaning or meaning.startswith(NOT_HERE):
            meaning = above.get(name) or _mentioned(module.__doc__ or "", name) or meaning
        if meaning:
            found[name] = CONSTANT.sub(lambda word: _values(module, word[0]), meaning)
    return found


def defined(docstring: str, names: Collection[str], *, whole: bool) -> dict[str, str]:
    """What a docstring says of some names: name -> meaning, the first where there are several.

    whole: meanings go on to the next name; otherwise to the end of their sentence.
    """
    either = "|".join(sorted(map(re.escape, names), key=len, reverse=True)) or "(?!)"
    begin = re.compile(rf"(?:^|(?<=[;.] ))((?:{either})(?:, (?:{either}))*): ")
    row = re.compile(rf"^\s*({either})\s{{2,}}(\S.*)$", re.MULTILINE)
    found = dict[str, str]()
    for block in blocks(f"\n{docstring}"):
        if block.kind == "literal":
            for name, text in row.findall(block.text):
                found.setdefault(name, text)
            continue
        _, *pieces = begin.split(block.text)
        for listed, text in zip(pieces[::2], pieces[1::2], strict=True):
            meaning = text if whole else SENTENCE.split(text)[0]
            for name in listed.split(", "):
                found.setdefault(name, meaning.strip().rstrip(";."))
    return found


def _docstring(module: ModuleType, path: str) -> str:
    """The docstring of the module at a path beside the folder of a plug-in; "" if there is none."""
    package = module.__name__.rpartition(".")[0]
    try:
        return importlib.import_module(f"{package}.{path.replace('/', '.')}").__doc__ or ""
    except ImportError:
        return ""


def _mentioned(docstring: str, name: str) -> str:
    """The first sentence of a docstring with an option's name between backticks."""
    sentences = (s for b in blocks(docstring) if b.kind != "literal" for s in _sentences(b.text))
    return next((s.rstrip(".") for s in sentences if f"`{name}`" in s), "")


def _sentences(text: str) -> list[str]:
    return SENTENCE.split(text)


def _values(module: ModuleType, name: str) -> str:
    """The texts that a constant of a module holds, with commas; its name if it is another thing."""
    value = getattr(module, name, None)
    listed = list(value) if isinstance(value, tuple | list | Mapping) else []
    if not listed or len(listed) > MOST_VALUES or not all(isinstance(v, str) for v in listed):
        return name
    return ", ".join(each or '""' for each in listed)
