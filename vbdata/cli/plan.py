"""`vbdata rows`: what the plan has for one shard."""

from __future__ import annotations

from typing import Annotated

import typer

from vbdata.cli.common import Json, reported


def rows(
    place: Annotated[
        str, typer.Argument(metavar="PLAN", help="A build, or a plan's .parquet; a path or a URL.")
    ],
    shard: Annotated[int, typer.Argument(min=0, help="Number of the shard, from 0.")],
    as_json: Json = False,
) -> None:
    """Print the rows that are planned for one shard; the other shards' are not read.

    Slot -1 is a spare, which steps in for a damaged record of its source and task.

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
