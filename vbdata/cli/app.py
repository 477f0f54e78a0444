"""The `vbdata` command. Heavy imports happen inside the commands, so that --help is instant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import vbdata
from vbdata.cli import build as cli_build
from vbdata.cli import codecs as cli_codecs
from vbdata.cli import eval as cli_eval
from vbdata.cli import export as cli_export
from vbdata.cli import lock as cli_lock
from vbdata.cli import plan as cli_plan
from vbdata.cli import report as cli_report
from vbdata.cli import train as cli_train
from vbdata.cli import verify as cli_verify
from vbdata.cli.common import BuildFolder, Json, RecipeFile, Roots, read_recipe, reported

app = typer.Typer(
    name="vbdata",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Raw vision datasets to instruction-paired RGB shards, at an exact mixture, "
    "reproducible bit for bit.\n\n"
    "A first build, on data of its own:\n\n"
    "    vbdata demo-data demo/data\n\n"
    "    vbdata build manifests/demo.yaml --out demo/build --workers 2\n\n"
    "    vbdata show demo/build --out demo/sheet.png\n\n"
    "Exit codes: 0 done; 1 the build or a check failed; 2 the recipe or the command line is "
    "wrong; 130 and 143 interrupted, and the next run resumes.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vbdata {vbdata.__version__}")
        raise typer.Exit


@app.callback()
def _app(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")
    ] = False,
) -> None:
    pass


def plan(
    recipe: RecipeFile,
    root: Roots = None,
    show: Annotated[int, typer.Option(min=0, help="Print this many planned prompts.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the plan as Parquet.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the mixture that a recipe makes of its sources; opens no image.

    Examples:

        vbdata plan manifests/demo.yaml

        vbdata plan manifests/demo.yaml --show 12
    """
    with reported(as_json):
        from vbdata.engine.build import planned
        from vbdata.planning.file import write_plan
        from vbdata.terminal import tables as prints

        with planned(read_recipe(recipe, root)) as made:
            prints.print_plan(made, show, as_json)
            if out is not None:
                write_plan(made, out)


def show(
    folder: BuildFolder,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PNG", help="The picture.")],
    samples: Annotated[int, typer.Option(min=1, help="How many samples.")] = 12,
    seed: Annotated[int, typer.Option(help="Which ones.")] = 0,
) -> None:
    """Draw a contact sheet: input, target, decoded label and prompt, spread over all cells.

    Example:

        vbdata show demo/build --out sheet.png --samples 20
    """
    with reported(False):
        from vbdata.storage.folder import Folder
        from vbdata.view.contact_sheet import contact_sheet

        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(contact_sheet(Folder(folder), samples, seed))
        typer.echo(f"{out}")


def demo_data(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    seed: Annotated[int, typer.Option(min=0, help="Which scenes.")] = 0,
) -> None:
    """Write miniature datasets in their official layouts, ray-cast with exact labels.

    Example:

        vbdata demo-data demo/data
    """
    with reported(False):
        from vbdata.demo import write_all

        for name, files in write_all(folder, seed):
            typer.echo(f"{folder / name}: {files} files")


app.command()(cli_build.build)
app.command()(cli_build.retry)
app.command()(cli_build.doctor)
app.command()(plan)
app.command()(cli_plan.rows)
app.command()(cli_verify.verify)
app.command()(cli_export.export)
app.command()(show)
app.command()(cli_lock.lock)
app.command()(cli_lock.diff)
app.command()(cli_report.stats)
app.command()(cli_report.report)
app.command(name="demo-data")(demo_data)
app.command()(cli_train.train)
app.command(name="eval")(cli_eval.eval_)
app.command()(cli_codecs.prompts)
app.command()(cli_codecs.encode)
app.command()(cli_codecs.decode)


if __name__ == "__main__":
    app()
