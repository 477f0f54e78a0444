"""`vbdata schema`: recipes as a JSON schema, for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vbdata.cli.common import reported


def schema(
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write it there. Default: print it."),
    ] = None,
) -> None:
    """Print the JSON schema of recipes: with it editors complete them and mark what is wrong.

    It has the readers and tasks that are installed here, with their options. Editors that know the
    YAML language server (VS Code, Neovim, Emacs, JetBrains) read a recipe's first line:

        # yaml-language-server: $schema=vbdata.schema.json

    `vbdata init --out` writes that line, and the schema beside the recipe.

    Examples:

        vbdata schema --out vbdata.schema.json
    """
    with reported(False):
        from vbdata.guide.schema import schema_text

        text = schema_text()
        if out is None:
            typer.echo(text, nl=False)
            return
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        typer.echo(f"{out}: {len(text)} bytes")
