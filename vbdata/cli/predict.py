"""`vbdata predict`: a model's answers to a build's prompts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from vbdata.cli.common import BuildFolder, Json, reported


def predict(
    trained: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A run, a checkpoint, or a config (.yaml) of an untrained model."
        ),
    ],
    folder: BuildFolder,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The answers' folder.")],
    steps: Annotated[
        int, typer.Option(min=1, help="Steps of the sampler; 1 predicts from pure noise.")
    ] = 1,
    guidance: Annotated[
        tuple[float, float], typer.Option(metavar="TEXT IMAGE", help="Scales of guidance.")
    ] = (1.0, 1.0),
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Only this task; repeatable.")
    ] = None,
    part: Annotated[
        str, typer.Option(metavar="K/N", help="The K-th of N parts, each by its own process.")
    ] = "1/1",
    votes: Annotated[
        int, typer.Option(min=1, help="Answers to each prompt, in DIR/vote-0 and on.")
    ] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Rows in one forward pass.")] = 8,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option(min=0, help="Of the noise.")] = 0,
    as_json: Json = False,
) -> None:
    """Answer every prompt of a build, as pictures DIR/KEY.png. Run again, it goes on.

    Prompts of a build that asks in votes have several keys already; --votes asks the same prompt
    with other noise. A folder that holds answers of another model, build or seed is refused.

    Examples:

        vbdata predict runs/mine built --out answers --steps 4

        vbdata predict runs/mine built --out answers --device cuda --part 1/4

        vbdata predict manifests/train/demo.yaml built --out answers --votes 4
    """
    with reported(as_json):
        from vbdata.errors import RecipeError
        from vbdata.terminal import events
        from vbdata.train.predict import predict as predicted

        if not (match := re.fullmatch(r"(\d+)/(\d+)", part)):
            raise RecipeError([f"--part {part}: expected K/N, such as 1/4"])

        def said(there: int, wanted: int) -> None:
            line = f"{there}/{wanted} answers"
            typer.echo(events.line("answers", there=there, wanted=wanted) if as_json else line)

        count = predicted(
            trained,
            folder,
            out,
            steps,
            guidance,
            tasks=tuple(task or ()),
            batch=batch,
            device=device,
            seed=seed,
            part=(int(match[1]), int(match[2])),
            votes=votes,
            said=said,
        )
        typer.echo(json.dumps({"written": count}) if as_json else f"{out}: {count} answers written")
