"""`vbdata bench`: benchmarks listed, built whole, scored officially, handed over, compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vbdata.cli.bench_opened import answers_of, roots_of, rows_of
from vbdata.cli.common import (
    EXIT_FAILED,
    Device,
    Json,
    Local,
    Ray,
    Workers,
    reported,
)

if TYPE_CHECKING:
    from rich.console import Console

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

Name = Annotated[str, typer.Argument(metavar="NAME", help="A benchmark of `vbdata bench list`.")]
AnswerFolders = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ANSWERS...",
        help="Folders of KEY.png or KEY.jpg, or of vote-0, vote-1 and on; several are votes.",
    ),
]
BuildAt = Annotated[
    str, typer.Option("--build", "-b", metavar="DIR", help="The benchmark's build.")
]
RawRoots = Annotated[
    list[str] | None,
    typer.Option(
        "--root",
        metavar="[SOURCE=]URL",
        help="Where the raw data lies: of all its sources, or of one. Repeatable; a source that is "
        "named twice is read from both.",
    ),
]


@app.command(name="list")
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
            print_benchmark(known[0], _console())
        else:
            print_benchmarks(known, _console())


@app.command()
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
            print_count(counted, _console())


@app.command()
def score(
    name: Name,
    answers: AnswerFolders = None,
    build: BuildAt = "",
    root: RawRoots = None,
    targets: Annotated[
        bool,
        typer.Option("--targets", help="Score the build's own targets: what the encoding costs."),
    ] = False,
    model: Annotated[
        str, typer.Option(metavar="TEXT", help="What the table calls these answers.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the report as JSON.")
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Exit with 0 even if answers are missing.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Number of processes; the scores are the same.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Score answers as the benchmark's official code does, by every variant of its protocol.

    Truth is read from the raw data again, where the build read it or where --root says. Exit code 1
    if an answer is missing, unreadable, of another aspect ratio, given twice, or of no query: the
    scores are then of the others alone, and the table marks them.

    Examples:

        vbdata bench score NAME answers --build built --out scores/mine.json

        vbdata bench score NAME first second third --build built      (three votes, merged by pixel)

        vbdata bench score NAME --targets --build built
    """
    with reported(as_json):
        from vbdata.bench.facts import benchmark
        from vbdata.bench.score import score as scored
        from vbdata.machine.process import one_thread
        from vbdata.manifest.json_text import canonical
        from vbdata.terminal.bench import print_score

        one_thread()
        known, rows = benchmark(name), rows_of(build, root)
        called = ["targets of the build"] if targets else list(answers or ())
        report = scored(known, rows, answers_of(rows, answers, targets), called, workers)
        report["model"] = model
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(canonical(report))
        if as_json:
            typer.echo(json.dumps(report, sort_keys=True))
        else:
            print_score(known, report, _console())
        if (report["faults"]["list"] or not report["complete"]) and not allow_missing:
            raise typer.Exit(EXIT_FAILED)


@app.command()
def export(
    name: Name,
    answers: AnswerFolders = None,
    form: Annotated[
        str,
        typer.Option(
            "--as", metavar="FORM", help="A form of this kind of benchmark, named if none is given."
        ),
    ] = "",
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="The folder to write into.")
    ] = Path("handed-over"),
    build: BuildAt = "",
    targets: Annotated[
        bool, typer.Option("--targets", help="Hand the build's own targets over.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Decode answers, merge votes, and write them as the official scripts read them.

    Exit code 1 if answers are missing or unreadable; what is there is written.

    Examples:

        vbdata bench export NAME answers --build built --as label-ids --out results

        vbdata bench export NAME answers --build built --as depth-npy --out results

        vbdata bench export NAME answers --build built --as coco --out results
    """
    with reported(as_json):
        from vbdata.bench.export import hand_over
        from vbdata.bench.facts import benchmark
        from vbdata.errors import visible

        rows = rows_of(build, None)
        given = answers_of(rows, answers, targets)
        count, faults = hand_over(benchmark(name), rows, given, form, out)
        if as_json:
            listed = [fault._asdict() for fault in faults]
            typer.echo(json.dumps({"written": count, "at": str(out), "faults": listed}))
        else:
            typer.echo(f"{out}: {count} of {len(rows.queries)} answers")
            for fault in faults[:10]:
                typer.echo(visible(f"{fault.key}: {fault.cause}: {fault.detail}"))
        if faults:
            raise typer.Exit(EXIT_FAILED)


@app.command()
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
            print_table(made, _console())


def _console() -> Console:
    import sys

    from vbdata.terminal.tables import SafeConsole

    return SafeConsole(highlight=False, width=None if sys.stdout.isatty() else 140)
