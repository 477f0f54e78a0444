"""`vbdata plan` and `rows`: what a build would hold, and the planned rows of one shard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vbdata.cli.common import Json, Planned, RecipeFile, Roots, cores, read_recipe, reported


def plan(
    recipe: RecipeFile,
    root: Roots = None,
    show: Annotated[int, typer.Option(min=0, help="Print so many prompts, too.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the plan as Parquet.")
    ] = None,
    timed: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="How many samples of each source and task are made here, to say how large the "
            "build becomes and how long it takes. 0: no picture is opened.",
        ),
    ] = 3,
    workers: Planned = None,
    as_json: Json = False,
) -> None:
    """Plan a recipe: index its sources, and print the mixture that they give; nothing is built.

    It also says the build's bytes, core-hours and wall time, by a few samples that are timed here.

    Examples:

        vbdata plan manifests/demo.yaml

        vbdata plan manifests/demo.yaml --show 12

        vbdata plan manifests/real.yaml --workers 64
    """
    with reported(as_json):
        from vbdata.engine import estimate
        from vbdata.engine.build import planned
        from vbdata.planning.file import write_plan
        from vbdata.terminal.tables import print_plan

        with planned(read_recipe(recipe, root)) as made:
            trials = estimate.timed(made, timed)
            about = estimate.estimated(made, trials, workers or cores()) if timed else None
            print_plan(made, show, as_json, about)
            if out is not None:
                write_plan(made, out)


def rows(
    place: Annotated[
        str, typer.Argument(metavar="PLAN", help="A build, or a plan's .parquet: a path or a URL.")
    ],
    shard: Annotated[int, typer.Argument(min=0, help="Number of the shard, from 0.")],
    as_json: Json = False,
) -> None:
    """Print the rows that are planned for one shard.

    A spare has no slot of its own: it replaces a damaged record of its source and task. The rows of
    other shards are not read.

    Examples:

        vbdata rows demo/build 2

        vbdata plan manifests/demo.yaml --out plan.parquet

        vbdata rows plan.parquet 0 --json
    """
    with reported(as_json):
        import json

        from vbdata.planning.file import open_plan, read_shard
        from vbdata.terminal.tables import console, rows_table

        with open_plan(place) as file:
            lines = read_shard(file, shard).to_pylist()
        if as_json:
            for line in lines:
                typer.echo(json.dumps(line))
        else:
            console().print(rows_table(lines))
