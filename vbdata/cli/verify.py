"""`vbdata verify`: whether a build is what its manifest says."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from vbdata.cli.common import EXIT_FAILED, BuildFolder, Json, reported

if TYPE_CHECKING:
    from vbdata.checks.verify import Verification


def verify(
    folder: BuildFolder,
    sample: Annotated[
        int | None,
        typer.Option(
            min=0, help="Read only so many samples of the tars, by range; check all else."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed reads other samples.")] = 0,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of processes. Default: as many as cores and work for them."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a whole build: sums, counts, keys, members of the tars, offsets, colours.

    With --sample N, only N samples are read of the tars, chosen by the seed and spread over all
    shards. The sums of the small files, sizes, offsets, counts, licences and held-out groups are
    checked all the same, and the command says what it did not read. Exit code 1 if anything is
    wrong.

    Examples:

        vbdata verify demo/build

        vbdata verify s3://bucket/out --sample 200 --json
    """
    with reported(as_json):
        from vbdata.checks.verify import examine
        from vbdata.machine.process import one_thread
        from vbdata.storage.folder import Folder
        from vbdata.terminal.progress import steps

        one_thread()  # each process checks shards of its own
        with steps("shards", as_json) as step:
            report = examine(Folder(folder), sample=sample, seed=seed, workers=workers, step=step)
        _print(folder, report, as_json)
        if report.faults:
            raise typer.Exit(EXIT_FAILED)


def _print(folder: str, report: Verification, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"folder": folder, "ok": not report.faults, **asdict(report)}))
        return
    for fault in report.faults:
        print(fault)
    for note in report.notes:
        print(f"note: {note}")
    if report.unread:
        print(f"not read: {'; '.join(report.unread)}")
    if report.faults:
        print(f"{folder}: {len(report.faults)} faults")
    else:
        print(f"{folder}: {'no fault in what was read' if report.unread else 'whole'}")
