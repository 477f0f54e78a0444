"""The tables of the dataset card, as Markdown."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vbdata import plugins
from vbdata.manifest.columns import COLUMNS
from vbdata.publish.facts import members

LONGEST = 100  # characters of a text from the data
MOST = 50  # rows of a table that grows with the data


def mixture(manifest: Mapping[str, Any]) -> str:
    """The mixture, a row a cell: what was requested, what was apportioned, what is there."""
    counts = ("requested", "apportioned", "realised", "unique", "repeated", "replaced")
    keys = ("source", "task", "share", *counts, "quarantined")
    return table(keys, ([cell[key] for key in keys] for cell in manifest["cells"]), numbers=2)


def tasks(manifest: Mapping[str, Any]) -> str:
    """The tasks, a row each: the encoding, and how exactly this build's targets decode."""
    rows = []
    for name, proof in manifest["roundtrip"].items():
        encoding = (plugins.task(name).__doc__ or "").strip().partition("\n")[0]
        errors = (f"{proof['largest']:g}", f"{proof['tolerance']:g}", proof["unit"])
        rows.append((f"`{name}`", encoding, *errors))
    return table(("task", "encoding", "largest error", "bound", "in"), rows)


def parts(manifest: Mapping[str, Any]) -> str:
    """The members of a sample, a row each."""
    rows = ((f"`KEY.{m.extension}`", m.media_type, m.samples, m.meaning) for m in members(manifest))
    return table(("member", "type", "samples", "what it is"), rows)


def columns() -> str:
    """The facts of a sample, a row each: the columns of the manifest's Parquet file."""
    rows = [(f"`{c.name}`", c.type, "yes" if c.in_json else "", c.meaning) for c in COLUMNS]
    return table(("fact", "type", "in json", "what it is"), rows)


def sources(manifest: Mapping[str, Any]) -> str:
    """The sources, a row each: where they come from and under which licence."""
    keys = ("source", "dataset", "license", "homepage", "entries")
    return table(keys, ([source[key] for key in keys] for source in manifest["sources"]))


def licences(manifest: Mapping[str, Any]) -> str:
    """The licences of the samples, a row each, the most frequent ones first, MOST of them."""
    lines = sorted(manifest["licenses"], key=lambda line: (-line["samples"], line["license"]))
    rows: list[Sequence[object]] = [
        (
            line["license"],
            "yes" if line["commercial"] else "not known to be allowed",
            line["samples"],
            ", ".join(line["sources"]),
        )
        for line in lines[:MOST]
    ]
    if len(lines) > MOST:
        rest = sum(line["samples"] for line in lines[MOST:])
        rows.append((f"{len(lines) - MOST} more, in manifest.json", "", rest, ""))
    return table(("licence", "commercial use", "samples", "sources"), rows)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], numbers: int = 99) -> str:
    """A Markdown table. numbers: the first column that is aligned to the right."""
    rule = ["---:" if place >= numbers else "---" for place in range(len(head))]
    lines = [head, rule, *([cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def cell(value: object) -> str:
    """A value as the text of one cell: one line, at most LONGEST characters, markup escaped."""
    text = " ".join(str(value).split())
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
    return html.escape(text, quote=False).replace("|", "\\|")
