"""The site: the pages beside this file, and one a reader and a task from their own docstrings.

make docs        # docs/_build/html/index.html; a broken link is an error
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import vbdata
from vbdata.guide import frames
from vbdata.guide.describe import Page, pages

HERE = Path(__file__).parent

project = "vbdata"
author = "the vbdata authors"
release = version = vbdata.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = "vbdata"
exclude_patterns = ["_build", "experiment", "experiment_gpu"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# Sentences of docstrings name plain things, not reStructuredText roles.
default_role = "literal"


def written(page: Page) -> str:
    """A reader's or a task's page as Markdown."""
    facts = [("labels", ", ".join(page.labels))]
    facts.append(("tasks" if page.kind == "reader" else "readers", ", ".join(page.serves)))
    facts += [("licence", page.licence), ("homepage", page.homepage)]
    lines = [f"# `{page.name}`", "", page.title, "", "| | |", "|---|---|"]
    lines += [f"| {name} | {cell(text)} |" for name, text in facts if text]
    if page.options:
        lines += ["", "| option | type | default | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{o.name}` | {cell(o.type)} | {default(o.default)} | {cell(o.meaning)} |"
            for o in page.options
        ]
    lines += ["", *described(page)]
    return "\n".join(lines) + "\n"


def described(page: Page) -> list[str]:
    """The blocks of a docstring: text, lists, and what is drawn with spaces, as it stands."""
    lines = []
    for block in page.blocks:
        if block.kind == "literal":
            lines += ["```text", block.text, "```", ""]
        elif block.kind == "bullet":
            lines += [f"- {escaped(block.text)}", ""]
        else:
            lines += [escaped(block.text), ""]
    return lines


def escaped(text: str) -> str:
    """Text in which no character is Markdown's."""
    return "".join(f"\\{c}" if c in r"\*_<>[]{}#|$~" else c for c in text)


def default(value: Any) -> str:
    """A default as code; nothing where an option that is not given says nothing."""
    return f"`{cell(str(value))}`" if value not in ("", None) and value != {} else ""


def cell(text: str) -> str:
    """Text for a cell of a table: on one line, without its own bars."""
    return " ".join(text.split()).replace("|", "\\|")


def drawn_as_it_stands(_: Sphinx, *given: Any) -> None:
    """Mark the indented lines of a docstring as literal, as reStructuredText wants it."""
    lines: list[str] = given[-1]
    text = "\n".join(lines)
    lines[:] = re.sub(r"(?:\A|\n\n)(?=    \S)", "\n\n::\n\n", text).split("\n")


def generate(_: Sphinx) -> None:
    """Write the pages of readers and tasks, and the table of frames, anew; none of old is left."""
    folder = HERE / "reference"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for page in pages():
        (folder / f"{page.name}.md").write_text(written(page))
    table = HERE / "frames.md"
    table.write_text(frames.renewed(table.read_text()))


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", generate)
    app.connect("autodoc-process-docstring", drawn_as_it_stands)
