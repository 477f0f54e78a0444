"""`vbdata verify`: whether a build is what it says."""

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
        typer.Option(min=0, help="Read only so many samples, by range; all else is checked."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which samples.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; default: the machine's cores.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Re-hash and re-read a whole build: files, counts, keys, members, offsets, colours.

    With --sample N the tars are not read but for N samples, spread over all shards and chosen by
    the seed; sums of the small files, sizes, offsets, counts, licences and held-out groups are
    checked all the same, and what was not read is said. Exit code 1 if anything is wrong.

    Examples:

        vbdata verify demo/build

        vbdata verify s3://bucket/out --sample 200 --json
    """
    with reported(as_json):
        import os

        from vbdata.checks.verify import examine
        from vbdata.machine.process import one_thread
        from vbdata.storage.folder import Folder
        from vbdata.terminal.progress import Steps

        one_thread()  # shards are the parallelism
        count = workers or os.cpu_count() or 1
        with Steps("shards", as_json) as step:
            report = examine(Folder(folder), sample=sample, seed=seed, workers=count, step=step)
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
