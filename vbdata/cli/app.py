"""The `vbdata` command, with all its subcommands."""

from __future__ import annotations

import atexit
import gc
import os
from collections.abc import Callable
from typing import Annotated

import typer

import vbdata
from vbdata.cli import bench
from vbdata.cli.build import build, doctor, retry
from vbdata.cli.codecs import decode, encode, prompts
from vbdata.cli.demo import demo, demo_data
from vbdata.cli.describe import describe
from vbdata.cli.eval import eval_
from vbdata.cli.export import export
from vbdata.cli.help import plain
from vbdata.cli.init import init
from vbdata.cli.lock import diff, lock
from vbdata.cli.new import new
from vbdata.cli.plan import plan, rows
from vbdata.cli.predict import predict
from vbdata.cli.report import report, show, stats
from vbdata.cli.schema import schema
from vbdata.cli.train import train
from vbdata.cli.verify import verify

# Pydantic would look for its plug-ins in all that is installed; none has a say in what a recipe is.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
atexit.register(gc.freeze)  # or Python looks through every object, to end right after it

app = typer.Typer(
    name="vbdata",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Raw vision datasets to instruction-paired RGB shards, at an exact mixture, "
    "reproducible bit for bit.\n\n"
    "A first build, on data that vbdata makes itself:\n\n"
    "    vbdata demo\n\n"
    "Then one over your own:\n\n"
    "    vbdata init /data/mine --out mine.yaml     (a recipe for what the folder holds)\n\n"
    "    vbdata doctor mine.yaml                    (what is missing or odd, how long it takes)\n\n"
    "    vbdata build mine.yaml --out out\n\n"
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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


BEGIN, PLAN, BUILD = "Begin", "Before a build", "Build"
LOOK, USE = "Look at a build", "Use a build"
GROUPS: dict[str, tuple[Callable[..., None], ...]] = {
    BEGIN: (demo, demo_data, init, describe, schema, new),
    PLAN: (doctor, plan, rows, prompts),
    BUILD: (build, retry, lock),
    LOOK: (show, stats, report, verify, diff),
    USE: (export, train, predict, eval_, encode, decode),
}
for panel, commands in GROUPS.items():
    for command in commands:
        name = command.__name__.rstrip("_").replace("_", "-")
        app.command(name=name, rich_help_panel=panel)(command)
app.add_typer(bench.app, rich_help_panel=USE)
plain(app)


if __name__ == "__main__":
    app()
