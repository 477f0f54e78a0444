"""`vbdata eval`: painted answers against a build's truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from vbdata.cli.common import EXIT_FAILED, BuildFolder, Json, given_roots, reported


def eval_(
    folder: BuildFolder,
    predictions: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="RGB images KEY.png or KEY.jpg; absent: only the rows to beat."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the report as JSON.")
    ] = None,
    root: Annotated[
        list[str] | None,
        typer.Option(
            "--root", metavar="SOURCE=URL", help="Raw data: score depth and normals against it."
        ),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(help="Of depth: garg, eigen, eigen-indoor, none; default: by data set."),
    ] = None,
    max_depth: Annotated[
        float | None, typer.Option(help="Metres that count; default: by data set, else 80.")
    ] = None,
    align: Annotated[
        str, typer.Option(help="Of depth, to the truth first: none, median, least-squares.")
    ] = "none",
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Only this task; repeatable.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first samples.")] = None,
    no_trivial: Annotated[
        bool, typer.Option("--no-trivial", help="Leave out the rows that need no model.")
    ] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Exit 0 in spite of faulty answers.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the numbers are the same.")] = 1,
    as_json: Json = False,
) -> None:
    """Decode painted answers, score them, and show what trivial answers and the ceiling score.

    Exit code 1 if an answer is missing, unreadable, of another aspect ratio, given twice, or named
    after no sample. docs/metrics.md defines every number.

    Examples:

        vbdata eval demo/build --predictions answers --out report.json

        vbdata eval demo/build                        (trivial rows and ceiling alone)

        vbdata eval out --predictions answers --root hypersim=/data/hypersim --crop none
    """
    with reported(as_json):
        from rich.console import Console

        from vbdata.evaluation.evaluate import EvaluationOptions, evaluate
        from vbdata.evaluation.predictions import PredictionFolder
        from vbdata.evaluation.report import faulty, print_report
        from vbdata.evaluation.truth import BuildTruth
        from vbdata.machine.process import one_thread
        from vbdata.manifest.json_text import canonical
        from vbdata.storage.folder import Folder

        one_thread()  # small arrays: more threads than free cores cost more than they give
        how = EvaluationOptions(
            align=align,
            crop=crop,
            max_depth=max_depth,
            trivial=not no_trivial,
            tasks=tuple(task or ()),
            limit=limit,
            roots=given_roots(root),
            workers=workers,
        )
        answers = None if predictions is None else PredictionFolder(predictions)
        report = evaluate(BuildTruth(Folder(folder)), answers, how)
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(canonical(report))
        if as_json:
            typer.echo(json.dumps(report, sort_keys=True))
        else:
            print_report(report, Console(highlight=False, width=None if _wide() else 160))
        if faulty(report) and not allow_missing:
            raise typer.Exit(EXIT_FAILED)


def _wide() -> bool:
    import sys

    return sys.stdout.isatty()
