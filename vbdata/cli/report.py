"""`vbdata show`, `stats` and `report`: what a finished build holds, for people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vbdata.cli.common import BuildFolder, Json, reported


def show(
    folder: BuildFolder,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PNG", help="The picture to write.")],
    samples: Annotated[int, typer.Option(min=1, help="How many samples.")] = 12,
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Only samples of this task; repeatable.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option("--source", help="Only samples of this source; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed shows other samples.")] = 0,
) -> None:
    """Draw samples as one picture: input, target, decoded label and prompt of each.

    The samples are spread over all sources and tasks. Beside each stands how to read it: depth in
    metres, the names of a legend, what was asked for and is not there.

    Examples:

        vbdata show demo/build --out sheet.png --samples 20

        vbdata show demo/build --out depth.png --task depth --source kitti
    """
    with reported(False):
        from vbdata.storage.folder import Folder
        from vbdata.view.contact_sheet import contact_sheet

        out.parent.mkdir(parents=True, exist_ok=True)
        named = {"sources": source or (), "tasks": task or ()}
        out.write_bytes(contact_sheet(Folder(folder), samples, seed, **named))
        typer.echo(f"{out}")


def stats(
    folder: BuildFolder,
    time: Annotated[
        bool,
        typer.Option(
            "--time", help="Print where the time went instead; the build may be unfinished."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Print what a build holds: counts by source and task, exclusions, licences, round-trip errors.

    Examples:

        vbdata stats demo/build

        vbdata stats demo/build --time

        vbdata stats s3://bucket/out --json
    """
    with reported(as_json):
        import json

        from vbdata.engine.run_record import slow_workers
        from vbdata.manifest.opened import open_build
        from vbdata.manifest.quarantine import read_quarantine
        from vbdata.storage.folder import Folder
        from vbdata.terminal.tables import console
        from vbdata.view.stats import print_statement, statement

        if time:
            from vbdata.view.stats_time import show

            show(Folder(folder), as_json)
            return
        manifest = open_build(Folder(folder)).document
        slow = slow_workers(Folder(folder))
        if as_json:
            said = statement(manifest) | ({"workers_slow": slow} if slow else {})
            typer.echo(json.dumps(said, sort_keys=True))
        else:
            bad = read_quarantine(Folder(folder)) if manifest["quarantine"] else None
            print_statement(manifest, console(), slow, bad)


def report(
    folder: BuildFolder,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="HTML", help="The page to write.")
    ] = Path("report.html"),
    samples: Annotated[
        int, typer.Option(min=0, help="Samples of each source and task that are shown.")
    ] = 4,
    decoded: Annotated[
        int,
        typer.Option(
            min=0, help="Samples that are decoded for the histograms, of all sources and tasks."
        ),
    ] = 200,
    max_mb: Annotated[
        float,
        typer.Option(
            min=1,
            metavar="MB",
            help="Largest size of the page; where it would be larger, fewer samples are shown.",
        ),
    ] = 10,
    answers: Annotated[
        str,
        typer.Option(metavar="DIR", help="A model's answers, KEY.png, to show beside the targets."),
    ] = "",
    seed: Annotated[int, typer.Option(help="Another seed shows other samples.")] = 0,
) -> None:
    """Describe a build in one HTML file that needs no server and no network.

    It shows mixture, sources, licences, samples of every source and task, histograms, quarantine,
    and how to make the same bytes again. Of a large build it reads a few hundred samples.

    Examples:

        vbdata report demo/build --out report.html

        vbdata report s3://bucket/out --samples 12 --decoded 1000

        vbdata report demo/build --answers answers --out gallery.html
    """
    with reported(False):
        from vbdata.machine.process import one_thread
        from vbdata.storage.folder import Folder
        from vbdata.view.report.page import PageOptions, page

        one_thread()
        how = PageOptions(
            samples=samples,
            decoded=decoded,
            max_bytes=round(max_mb * 1e6),
            seed=seed,
            answers=answers,
        )
        html = page(Folder(folder), how)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(html)
        typer.echo(f"{out}")
