"""`vbdata describe`: every reader and task, with its options, layout, licence and rules."""

from __future__ import annotations

from typing import Annotated

import typer

from vbdata.cli.common import Json, known_names, reported


def describe(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            autocompletion=known_names,
            help="A reader or a task; default: a table of all.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Describe the readers and tasks: options, defaults, labels, layout, licence.

    Examples:

        vbdata describe

        vbdata describe coco

        vbdata describe depth --json
    """
    with reported(as_json):
        import json

        from vbdata.guide.describe import page, pages
        from vbdata.terminal.pages import of_page, overview
        from vbdata.terminal.tables import console

        if name is None:
            listed = pages()
            if as_json:
                typer.echo(json.dumps([each.as_json() for each in listed]))
                return
            to = console()
            parts = overview(listed)
        else:
            one = page(name)
            if as_json:
                typer.echo(json.dumps(one.as_json()))
                return
            to = console()
            parts = of_page(one, to.width)
        for part in parts:
            to.print(part)
