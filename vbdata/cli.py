"""The `vbdata` command. Heavy imports happen inside the commands, so that --help is instant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vbdata import cli_codecs
from vbdata.cli_common import (
    EXIT_FAILED,
    BuildFolder,
    Json,
    RecipeFile,
    Roots,
    read_recipe,
    reported,
)

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


@app.command()
def build(
    recipe: RecipeFile,
    out: Annotated[str, typer.Option("--out", "-o", metavar="DIR", help="Output folder.")],
    root: Roots = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Ray actors; default: the machine's cores.")
    ] = None,
    ray: Annotated[
        str, typer.Option(metavar="ADDRESS", help="A running cluster: 'auto' or ray://HOST:PORT.")
    ] = "local",
    local: Annotated[
        bool, typer.Option("--local", help="In this process, without Ray. The bytes are the same.")
    ] = False,
    device: Annotated[str, typer.Option(help="Where labels are rendered: cpu, cuda.")] = "cpu",
    gpus_per_worker: Annotated[
        float, typer.Option(min=0.0, help="GPU share of each actor, such as 0.25.")
    ] = 0.0,
    rehash: Annotated[
        bool, typer.Option("--rehash", help="Read finished shards again, to find damage.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Build a recipe into a folder; an interrupted build goes on where it was.

    Examples:

        vbdata build manifests/demo.yaml --out demo/build

        vbdata build manifests/real.yaml --out out --root coco=s3://bucket/coco --workers 8

        vbdata build recipe.yaml --out out --ray auto --workers 64     (inside a cluster)
    """
    import os

    with reported(as_json):
        from vbdata.build import How
        from vbdata.build import build as run_build
        from vbdata.storage import Folder
        from vbdata.terminal import Terminal

        loaded = read_recipe(recipe, root)
        how = How(
            workers=workers or os.cpu_count() or 1,
            ray=None if local else ray,
            device=device,
            gpus_per_worker=gpus_per_worker,
            rehash=rehash,
        )
        with Terminal(as_json) as watcher:
            manifest = run_build(loaded, Folder(out), how, watcher)
        watcher.finish(manifest, out)


@app.command()
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
        from vbdata import terminal
        from vbdata.build import planned

        with planned(read_recipe(recipe, root)) as made:
            terminal.print_plan(made, show, as_json)
            if out is not None:
                made.write(out)


@app.command()
def verify(folder: BuildFolder, as_json: Json = False) -> None:
    """Re-hash and re-read a whole build: files, counts, keys, members, colours.

    Example:

        vbdata verify demo/build
    """
    with reported(as_json):
        from vbdata import terminal
        from vbdata.storage import Folder
        from vbdata.verify import verify as check

        faults = check(Folder(folder))
        terminal.print_faults(folder, faults, as_json)
        if faults:
            raise typer.Exit(EXIT_FAILED)


@app.command()
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
        from vbdata.show import contact_sheet
        from vbdata.storage import Folder

        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(contact_sheet(Folder(folder), samples, seed))
        typer.echo(f"{out}")


@app.command(name="demo-data")
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


app.command()(cli_codecs.prompts)
app.command()(cli_codecs.encode)
app.command()(cli_codecs.decode)


if __name__ == "__main__":
    app()
