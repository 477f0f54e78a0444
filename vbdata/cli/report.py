"""`vbdata stats` and `vbdata report`: what a finished build holds, for people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vbdata.cli.common import BuildFolder, Json, reported


def stats(
    folder: BuildFolder,
    time: Annotated[
        bool, typer.Option("--time", help="Where the time went instead, finished or not.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print a build's statement: counts of every cell, sources, exclusions, licences, errors.

    Examples:

        vbdata stats demo/build

        vbdata stats demo/build --time

        vbdata stats s3://bucket/out --json
    """
    with reported(as_json):
        import json

        from vbdata.manifest.opened import open_build
        from vbdata.storage.folder import Folder
        from vbdata.terminal.tables import console
        from vbdata.view.stats import print_statement, statement

        if time:
            from vbdata.view import stats_time

            stats_time.show(Folder(folder), as_json)
            return
        manifest = open_build(Folder(folder)).document
        if as_json:
            typer.echo(json.dumps(statement(manifest), sort_keys=True))
        else:
            print_statement(manifest, console())


def report(
    folder: BuildFolder,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="HTML", help="The page.")] = Path(
        "report.html"
    ),
    samples: Annotated[
        int, typer.Option(min=0, help="Samples of each source and task that are shown.")
    ] = 4,
    decoded: Annotated[
        int, typer.Option(min=0, help="Samples that are decoded for the histograms, in all.")
    ] = 200,
    max_mb: Annotated[
        float, typer.Option(min=1, help="Largest size of the page; fewer samples are shown.")
    ] = 10,
    seed: Annotated[int, typer.Option(help="Which samples.")] = 0,
) -> None:
    """Draw a build as one HTML page that needs no server and no network.

    Mixture, sources, licences, samples of every source and task, histograms, quarantine, and how
    to make the same bytes again. Of a large build it reads a few hundred samples.

    Examples:

        vbdata report demo/build --out report.html

        vbdata report s3://bucket/out --samples 12 --decoded 1000
    """
    with reported(False):
        from vbdata.machine.process import one_thread
        from vbdata.storage.folder import Folder
        from vbdata.view.report.page import PageOptions, page

        one_thread()
        how = PageOptions(
            samples=samples, decoded=decoded, max_bytes=round(max_mb * 1e6), seed=seed
        )
        html = page(Folder(folder), how)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(html)
        typer.echo(f"{out}")
