"""`vbdata new`: the skeleton of a reader or a task, with its test and a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vbdata.cli.common import reported


def new(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="reader or task.")],
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A package, or PACKAGE.MODULE: recipes name it so."),
    ],
    folder: Annotated[
        Path, typer.Option("--in", metavar="DIR", help="The folder that the package goes into.")
    ] = Path(),
) -> None:
    """Write a reader or a task of one's own: a module, its test, which passes, and a recipe.

    Change the module step by step, and keep the test passing. A recipe that is run in the same
    folder finds the module by its name. vbdata/plugins/contract.py says what a plug-in must have.

    Examples:

        vbdata new reader barn          (barn/reader.py: dataset: barn.reader)

        vbdata new task farm.ripeness   (farm/ripeness.py: tasks: {farm.ripeness: 1})
    """
    with reported(False):
        from vbdata.errors import RecipeError, choices
        from vbdata.guide.skeleton import KINDS, module_of, write

        if kind not in KINDS:
            raise RecipeError([f"{kind!r} cannot be made{choices(kind, KINDS)}"])
        made = write(kind, name, folder)
        module = module_of(kind, name)
        use = f"dataset: {module}" if kind == "reader" else f"tasks: {{{module}: 1}}"
        abouts = (f"the {kind}; in a recipe it is `{use}`", "its test", "a recipe for it")
        for path, about in zip(made, abouts, strict=True):
            typer.echo(f"{path}: {about}")
        typer.echo(f"next: python -m pytest {made[1].parent}")
