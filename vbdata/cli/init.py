"""`vbdata init`: a recipe drafted for the data in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vbdata.cli.common import EXIT_FAILED, Json, reported


def init(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A folder of data, or an archive (.zip, .tar).")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write the recipe there, a new file."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at a folder of data and write a recipe for what it holds.

    Names and first bytes of files are read, of large folders a part, of archives their members;
    nothing outside the folder. What no file says, such as the unit of depth, stands in the recipe
    as a comment with the choices, to be filled in. Paths are relative to --out, else to the working
    directory. Beside --out goes vbdata.schema.json, by which editors complete and check recipes.

    Examples:

        vbdata init /data/parts --out parts.yaml

        vbdata init demo/data
    """
    with reported(as_json):
        import json

        from vbdata.errors import RecipeError
        from vbdata.guide.draft import draft
        from vbdata.guide.recipe_text import text_of
        from vbdata.guide.schema import FILE, schema_text
        from vbdata.terminal.drafts import found_lines, found_table
        from vbdata.terminal.tables import console

        if out is not None and out.exists():
            raise RecipeError([f"--out {out}: exists; name a new file"])
        made = draft(path)
        beside = out.parent if out else Path()
        text = text_of(made, beside, out.name if out else "recipe.yaml", FILE if out else "")
        if out is not None and made.sources:
            beside.mkdir(parents=True, exist_ok=True)
            out.write_text(text, encoding="utf-8")
            (beside / FILE).write_text(schema_text(), encoding="utf-8")
        if as_json:
            typer.echo(json.dumps(found_lines(made, text)))
        elif out is None and made.sources:
            typer.echo(text, nl=False)
        else:
            for part in found_table(made, out or Path()):
                console().print(part)
    if not made.sources:
        raise typer.Exit(EXIT_FAILED)
