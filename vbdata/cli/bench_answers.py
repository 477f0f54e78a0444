"""`vbdata bench score` and `export`: answers of a model scored officially, or handed over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from vbdata.cli.bench_common import (
    AnswerFolders,
    BuildAt,
    Name,
    RawRoots,
    answers_of,
    console,
    rows_of,
)
from vbdata.cli.common import EXIT_FAILED, AllowMissing, Json, Processes, reported


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
    allow_missing: AllowMissing = False,
    workers: Processes = 1,
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
            print_score(known, report, console())
        if (report["faults"]["list"] or not report["complete"]) and not allow_missing:
            raise typer.Exit(EXIT_FAILED)


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
