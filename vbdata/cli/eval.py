"""`vbdata eval`: images that a model painted, scored against a build's truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from vbdata.cli.common import (
    EXIT_FAILED,
    AllowMissing,
    BuildFolder,
    Json,
    Processes,
    given_roots,
    reported,
)


def eval_(
    folder: BuildFolder,
    predictions: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="The answers: RGB images KEY.png or KEY.jpg. Without it, only what needs no model "
            "is scored.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the report as JSON.")
    ] = None,
    root: Annotated[
        list[str] | None,
        typer.Option(
            "--root",
            metavar="SOURCE=URL",
            help="A source's raw data: score depth and normals against it, not the targets.",
        ),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Crop of depth: garg, eigen, eigen-indoor or none. Default: by data set.",
        ),
    ] = None,
    max_depth: Annotated[
        float | None,
        typer.Option(
            metavar="METRES",
            help="Largest depth that is scored, in metres. Default: by data set, else 80.",
        ),
    ] = None,
    align: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            help="How depth is aligned with the truth first: none, median or least-squares.",
        ),
    ] = "none",
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Score only this task; repeatable.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Score only the first so many samples.")
    ] = None,
    no_trivial: Annotated[
        bool, typer.Option("--no-trivial", help="Leave out the rows that need no model.")
    ] = False,
    allow_missing: AllowMissing = False,
    workers: Processes = 1,
    as_json: Json = False,
) -> None:
    """Decode a model's images, score them, and show what trivial answers and the ceiling score.

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

        one_thread()  # the arrays are small: more threads would only wait for each other
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
