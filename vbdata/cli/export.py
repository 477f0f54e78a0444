"""`vbdata export`: a build as folders of images, for other trainers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from vbdata.cli.common import BuildFolder, Json, reported

if TYPE_CHECKING:
    from vbdata.export.parts.types import Blank, OddSizes


def export(
    folder: BuildFolder,
    to: Annotated[
        str,
        typer.Option(
            metavar="FORMAT", help="imagefolder, ai-toolkit, diffusion-pipe, diffsynth or musubi."
        ),
    ],
    out: Annotated[str, typer.Option("--out", "-o", metavar="FOLDER", help="A new folder.")],
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="The model to train, for its sizes, config and commands: flux1-kontext, "
            "flux2-klein, qwen-image-edit-2511 and others, as the trainer knows them.",
        ),
    ] = "",
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Export only this task; repeatable.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option("--source", help="Export only this source; repeatable.")
    ] = None,
    split_by_task: Annotated[
        bool, typer.Option("--split-by-task", help="Write each task into a folder of its own.")
    ] = False,
    blank: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            help="What becomes of samples without an input image. apart: a folder of their own; "
            "keep: they get a black control image; skip: they are left out.",
        ),
    ] = "apart",
    odd_sizes: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            help="What becomes of samples that the trainer would resize, which spoils their "
            "colours. refuse: nothing is exported; skip: they are left out; keep: they are "
            "exported all the same.",
        ),
    ] = "refuse",
    masks: Annotated[
        bool, typer.Option(help="Write masks of valid pixels, for trainers that read them.")
    ] = True,
    workers: Annotated[
        int | None, typer.Option(min=1, help="How many shards are exported at once.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a build's samples as images and captions, in the layout that a trainer reads.

    Each image has the bytes that it has in the build, and is named by its sample's key. README.md
    in the folder says how to train with it and which licences apply; vbdata.jsonl keeps what
    decoders need. Colours are the labels, so an export is refused if the trainer would resize
    targets. An export that was interrupted goes on. Tars are checked against the manifest as they
    are read.

    Examples:

        vbdata export demo/build --to imagefolder --out demo/folder

        vbdata export out --to ai-toolkit --model qwen-image-edit-2511 --out pairs

        vbdata export out --to diffusion-pipe --out pairs --task depth --task normals

        vbdata export s3://bucket/out --to musubi --out pairs --source kitti --split-by-task
    """
    with reported(as_json):
        import os

        from vbdata.export.parts.run import export as run
        from vbdata.export.parts.types import ExportOptions
        from vbdata.storage.folder import Folder
        from vbdata.terminal.progress import steps

        options = ExportOptions(
            format=to,
            tasks=tuple(task or ()),
            sources=tuple(source or ()),
            split_by_task=split_by_task,
            blank=cast("Blank", blank),
            masks=masks,
            model=model,
            odd_sizes=cast("OddSizes", odd_sizes),
        )
        count = workers or min(8, os.cpu_count() or 1)
        with steps("shards", as_json) as step:
            report = run(Folder(folder), Folder(out), options, workers=count, step=step)
        _print(out, report, as_json)


def _print(out: str, report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"event": "exported", "out": out, **report}))
        return
    for part in report["parts"]:
        given = "with control images" if part["control"] else "without an input image"
        masks = ", masks" if part["mask"] else ""
        print(f"{out}/{part['part']}: {part['samples']} samples {given}{masks}")
    if report["skipped_without_input"]:
        print(f"{report['skipped_without_input']} samples without an input image were left out")
    if report.get("skipped_odd_sizes"):
        print(f"{report['skipped_odd_sizes']} samples that the trainer would resize were left out")
    names = sorted({line["license"] for line in report["licenses"]})
    print(f"licences: {', '.join(names)}")
    print(f"{report['samples']} samples; {out}/README.md says how to train with them")
