"""`vbdata demo` and `demo-data`: what can be tried without any data of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vbdata.cli.common import Local, Workers, cores, read_recipe, reported, without_pandas
from vbdata.cli.report import report, show
from vbdata.cli.verify import verify

SHOWN = 14  # samples of the picture


def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder for data, build, picture and report.")
    ] = Path("demo"),
    workers: Workers = None,
    local: Local = False,
) -> None:
    """Make a first build and show it: half a minute, without any data of your own.

    Miniature data sets are ray-cast into DIR/data, those that are not there yet; DIR/demo.yaml, a
    recipe of all tasks over them, is built into DIR/build and verified; DIR/sheet.png and
    DIR/report.html show what came out.

    Examples:

        vbdata demo

        vbdata demo /tmp/first --workers 2
    """
    with reported(False):
        from vbdata.demo import first_recipe, write_missing
        from vbdata.engine.build import build
        from vbdata.machine.scratch import own_scratch
        from vbdata.run.how import How
        from vbdata.storage.folder import Folder
        from vbdata.terminal.watcher import Terminal

        own_scratch()
        recipe = read_recipe(first_recipe(folder), None)
        without_pandas(recipe)
        names = list(dict.fromkeys(source.dataset for source in recipe.sources))
        out, watcher = str(folder / "build"), Terminal(as_json=False)

        def raw_data() -> None:
            for name, files in write_missing(names, folder / "data", seed=0):
                typer.echo(f"{folder / 'data' / name}: {files} files")

        how = How(workers=workers or cores(), ray=None if local else "local")
        with watcher.drawing():
            manifest = build(recipe, Folder(out), how, watcher, raw_data)
        watcher.finish(manifest, out)
    verify(out, workers=1)
    picture, page = folder / "sheet.png", folder / "report.html"
    show(out, picture, samples=SHOWN)
    report(out, page)
    typer.echo(f"Look at {picture} and, in a browser, at {page}.")
    typer.echo(f"The recipe is {folder / 'demo.yaml'}: vbdata plan prints its mixture.")


def demo_data(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new folder, one below it for each data set.")
    ],
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other scenes.")] = 0,
) -> None:
    """Write miniature data sets in their official layouts: ray-cast scenes with exact labels.

    Example:

        vbdata demo-data demo/data
    """
    with reported(False):
        from vbdata.demo import write_all

        for name, files in write_all(folder, seed):
            typer.echo(f"{folder / name}: {files} files")
