"""The `vbdata` command. Heavy imports happen inside the commands, so that --help is instant."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vbdata.recipe import Recipe

EXIT_FAILED, EXIT_RECIPE, EXIT_INTERRUPTED, EXIT_TERMINATED = 1, 2, 130, 143

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

RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe (.yaml).")]
Folder_ = Annotated[str, typer.Argument(metavar="DIR", help="A build: a folder or a URL.")]
Roots = Annotated[
    list[str] | None,
    typer.Option("--root", metavar="SOURCE=URL", help="Where a source's data lies; repeatable."),
]
Json = Annotated[bool, typer.Option("--json", help="Lines of JSON for scripts.")]


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
    as_json: Json = False,
) -> None:
    """Build a recipe into a folder; an interrupted build goes on where it was.

    Examples:

        vbdata build manifests/demo.yaml --out demo/build

        vbdata build manifests/real.yaml --out out --root coco=s3://bucket/coco --workers 8

        vbdata build recipe.yaml --out out --ray auto --workers 64     (inside a cluster)
    """
    import os

    with _reported(as_json):
        from vbdata.build import How
        from vbdata.build import build as run_build
        from vbdata.storage import Folder
        from vbdata.terminal import Terminal

        loaded = _recipe(recipe, root)
        how = How(
            workers=workers or os.cpu_count() or 1,
            ray=None if local else ray,
            device=device,
            gpus_per_worker=gpus_per_worker,
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
    with _reported(as_json):
        from vbdata import terminal
        from vbdata.build import planned

        with planned(_recipe(recipe, root)) as made:
            terminal.print_plan(made, show, as_json)
            if out is not None:
                made.write(out)


@app.command()
def verify(folder: Folder_, as_json: Json = False) -> None:
    """Re-hash and re-read a whole build: files, counts, keys, members, colours.

    Example:

        vbdata verify demo/build
    """
    with _reported(as_json):
        from vbdata import terminal
        from vbdata.storage import Folder
        from vbdata.verify import verify as check

        faults = check(Folder(folder))
        terminal.print_faults(folder, faults, as_json)
        if faults:
            raise typer.Exit(EXIT_FAILED)


@app.command()
def show(
    folder: Folder_,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PNG", help="The picture.")],
    samples: Annotated[int, typer.Option(min=1, help="How many samples.")] = 12,
    seed: Annotated[int, typer.Option(help="Which ones.")] = 0,
) -> None:
    """Draw a contact sheet: input, target, decoded label and prompt, spread over all cells.

    Example:

        vbdata show demo/build --out sheet.png --samples 20
    """
    with _reported(False):
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
    with _reported(False):
        from vbdata.demo import write_all

        for name, files in write_all(folder, seed):
            typer.echo(f"{folder / name}: {files} files")


def _recipe(path: Path, roots: list[str] | None) -> Recipe:
    from vbdata.errors import RecipeError
    from vbdata.recipe import load_recipe

    pairs = [item.partition("=") for item in roots or ()]
    wrong = [f"--root {name}: expected SOURCE=URL" for name, equals, url in pairs if not url]
    if wrong:
        raise RecipeError(wrong)
    return load_recipe(path, {name: url for name, _, url in pairs})


@contextmanager
def _reported(as_json: bool) -> Iterator[None]:
    """Turn errors meant for people into text on stderr and an exit code."""
    from vbdata.errors import RecipeError, VbdataError

    signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    except VbdataError as err:
        _print_error(type(err).__name__, str(err), as_json)
        raise typer.Exit(EXIT_RECIPE if isinstance(err, RecipeError) else EXIT_FAILED) from err
    except KeyboardInterrupt:
        _print_error("Interrupted", "what is finished is kept; run it again to go on", as_json)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _terminated(*_: Any) -> None:
    sys.exit(EXIT_TERMINATED)


def _print_error(kind: str, text: str, as_json: bool) -> None:
    line = json.dumps({"event": "error", "kind": kind, "text": text}) if as_json else text
    typer.echo(line if as_json else f"vbdata: {text}", err=not as_json)


if __name__ == "__main__":
    app()
