"""A draft as the text of a recipe, with comments on what was found and what is to be filled in."""

from __future__ import annotations

import json
import os
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vbdata.guide.draft import Draft, Drafted
from vbdata.recipe import yaml12
from vbdata.sources.found import Blank

WIDTH = 98
FILL = "FILL IN"
SCHEMA_LINE = "# yaml-language-server: $schema="  # the first of a file: editors look for it there
PLAIN = re.compile(r"[A-Za-z0-9_./][\w./@+-]*")
MOST_NOTED = 12  # lines on what was found and cannot be read


def text_of(draft: Draft, beside: Path, name: str, schema: str = "") -> str:
    """The recipe of a draft.

    beside: the folder from which its paths go out; name: of its file; schema: the path of the JSON
    schema from there, which the first line names for editors, "" for none.
    """
    lines = [f"{SCHEMA_LINE}{schema}"] if schema else []
    lines += [*_head(draft, name)]
    if draft.sources:
        lines += [f"name: {_scalar(_plain_name(draft))}", "seed: 1"]
        lines += [f"samples: {draft.samples}   # one pass over the smallest source, equal shares"]
        lines += ["sources:"]
        for source in draft.sources:
            lines += [*_source(draft, source, beside)]
    lines += [*_rest(draft)]
    return "\n".join(lines).rstrip() + "\n"


def _head(draft: Draft, name: str) -> Iterator[str]:
    folder = draft.folder.resolve().name or "this folder"
    yield from _comment(
        f"A recipe for {folder}, drafted by `vbdata init` from the names and first bytes of its "
        "files. What cannot be seen there, such as licences, is yours to check; `vbdata describe "
        "NAME` has all options of a reader or task."
    )
    if draft.blanks:
        lines = "line is" if draft.blanks == 1 else "lines are"
        yield from _comment(f"{draft.blanks} {lines} to be filled in, marked {FILL}.")
    yield "#"
    yield from (f"#     vbdata {command} {name}" for command in ("doctor", "plan"))
    if draft.unseen:
        yield "#"
        yield from _comment(f"Not looked at: {'; '.join(draft.unseen)}. Counts are of the rest.")
    yield ""


def _source(draft: Draft, source: Drafted, beside: Path) -> Iterator[str]:
    found = source.found
    root = draft.folder.resolve() / found.root
    yield f"  {source.name}:"
    yield from _comment(found.about, 4)
    yield f"    dataset: {source.dataset}"
    yield f"    root: {_scalar(Path(os.path.relpath(root, beside.resolve())).as_posix())}"
    yield from _options(found.options, 4)
    for note in found.notes:
        yield from _comment(note, 4)
    weights = ", ".join(f"{task}: 1" for task in source.tasks)
    yield f"    tasks: {{{weights}}}"


def _options(options: Mapping[str, Any], indent: int) -> Iterator[str]:
    margin = " " * indent
    for key, value in options.items():
        if isinstance(value, Blank):
            yield from _comment(f"{FILL}: {value.choices}", indent)
            yield f"{margin}# {key}: {value.example}"
        elif isinstance(value, Mapping):
            yield f"{margin}{key}:"
            yield from _options(value, indent + 2)
        elif isinstance(value, list | tuple):
            yield f"{margin}{key}: [{', '.join(map(_scalar, value))}]"
        else:
            yield f"{margin}{key}: {_scalar(value)}"


def _rest(draft: Draft) -> Iterator[str]:
    """What was found and cannot be a source, as comments."""
    if draft.lacking:
        yield ""
        yield "# Found, but not to be read as it is:"
    for source in draft.lacking[:MOST_NOTED]:
        found = source.found
        where = f" in {found.root}" if found.root else ""
        yield from _comment(f"- {found.about}{where} ({source.dataset}) lacks {found.lacking}")
    if more := len(draft.lacking) - MOST_NOTED:
        yield from [f"# - and {more} more"] if more > 0 else []
    if draft.left:
        yield ""
        yield from _comment(
            f"Pictures or maps of no source: {len(draft.left):,}, such as {draft.left[0]}. "
            "Pictures serve a task only with labels: captions, masks, depth, normals or edits."
        )


def _comment(text: str, indent: int = 0) -> Iterator[str]:
    """A text as lines of comments; what data say stays on its line."""
    margin = f"{' ' * indent}# "
    plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    yield from textwrap.wrap(
        plain,
        WIDTH,
        initial_indent=margin,
        subsequent_indent=f"{margin}  " if text.startswith("- ") else margin,
        break_on_hyphens=False,
    )


def _scalar(value: Any) -> str:
    """A value as YAML: as it is where that is read as the same text, else between quotes."""
    if not isinstance(value, str):
        return json.dumps(value)
    if PLAIN.fullmatch(value) and yaml12.load(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _plain_name(draft: Draft) -> str:
    stem = draft.folder.resolve().name.partition(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_")[:48] or "mine"
