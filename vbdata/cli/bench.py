"""`vbdata bench`: benchmarks listed, built whole, scored officially, handed over, compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from vbdata.cli.bench_answers import export, score
from vbdata.cli.bench_common import Name, RawRoots, console, roots_of
from vbdata.cli.common import Device, Json, Local, Ray, Workers, reported

app = typer.Typer(
    name="bench",
    no_args_is_help=True,
    help="Benchmarks, from their raw folders to a line of the table.\n\nExamples:\n\n"
    "    vbdata bench list\n\n"
    "    vbdata bench build NAME --root /data/NAME --out built\n\n"
    "    vbdata predict runs/mine built --out answers        (or any model: answers/KEY.png)\n\n"
    "    vbdata bench score NAME answers --build built --out scores/mine.json\n\n"
    "    vbdata bench table scores --html table.html",
)


def list_(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Say all that is known of this one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What each benchmark is, where to get it, and what its numbers can be compared with.

    Examples:

        vbdata bench list

        vbdata bench list NAME
    """
    with reported(as_json):
        from vbdata.bench.facts import benchmark, names
        from vbdata.terminal.bench import print_benchmark, print_benchmarks

        known = [benchmark(each) for each in ([name] if name else names())]
        if as_json:
            typer.echo(json.dumps([each.model_dump() for each in known]))
        elif name:
            print_benchmark(known[0], console())
        else:
            print_benchmarks(known, console())


def build(
    name: Name,
    out: Annotated[str, typer.Option("--out", "-o", metavar="DIR", help="The output folder.")],
    root: RawRoots = None,
    votes: Annotated[
        int | None,
        typer.Option(min=1, help="Ask each query so often, a legend in permuted colours."),
    ] = None,
    max_pixels: Annotated[
        int | None,
        typer.Option(min=1, help="Shrink larger pictures. Default: native size."),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", help="Of a benchmark of several sources only this; repeatable."),
    ] = None,
    workers: Workers = None,
    ray: Ray = "local",
    local: Local = False,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Build every (record, query) of a benchmark once, and count them against the official set.

    A build that was interrupted goes on where it was. Rows that the raw folder lacks are counted
    with the reason, and later scores are marked by it; the exit code is 0.

    Examples:

        vbdata bench build NAME --root /data/NAME --out built

        vbdata bench build NAME --root SOURCE=/data/a --root OTHER=/data/b --out built --votes 4
    """
    with reported(as_json):
        import os

        from vbdata.bench.build import build_benchmark, recipe_of
        from vbdata.bench.facts import benchmark
        from vbdata.machine.scratch import own_scratch
        from vbdata.run.how import How
        from vbdata.storage.folder import Folder
        from vbdata.terminal.bench import print_count
        from vbdata.terminal.watcher import Terminal

        own_scratch()
        known = benchmark(name)
        recipe = recipe_of(known, roots_of(root), votes, max_pixels, source or ())
        how = How(
            workers=workers or (os.cpu_count() or 1 if local or ray == "local" else None),
            ray=None if local else ray,
            device=device,
        )
        watcher = Terminal(as_json)
        with watcher.drawing():
            manifest, counted = build_benchmark(known, recipe, Folder(out), how, watcher)
        watcher.finish(manifest, out)
        if as_json:
            typer.echo(json.dumps({"event": "counted", **counted}))
        else:
            print_count(counted, console())


def table(
    scores: Annotated[
        list[Path] | None,
        typer.Argument(metavar="SCORES...", help="Reports of `bench score`, or folders of them."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Benchmarks that are not scored, too.")
    ] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table as Markdown.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a page: the table, and pictures of the worst and median answers.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Scores beside what others published, each with protocol, date, source, and a mark.

    Marked are numbers that cannot be compared: `partial`, answers are missing; `subset`, rows of
    the official set are; `other`, a published number of another protocol or another mean.

    Examples:

        vbdata bench table scores

        vbdata bench table scores --markdown > table.md

        vbdata bench table scores --html table.html
    """
    with reported(as_json):
        from vbdata.bench.table import lines, markdown, read_scores
        from vbdata.terminal.bench import print_table

        reports = read_scores(scores or ())
        made = lines(reports, every)
        if html is not None:
            from vbdata.view.report.benchmarks import benchmark_page

            html.parent.mkdir(parents=True, exist_ok=True)
            html.write_text(benchmark_page(reports, made), encoding="utf-8")
        if as_json:
            typer.echo(json.dumps(made))
        elif as_markdown:
            typer.echo(markdown(made), nl=False)
        else:
            print_table(made, console())


for command in (list_, build, score, export, table):
    app.command(name=command.__name__.rstrip("_"))(command)
