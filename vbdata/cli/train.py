"""`vbdata train`: train a model by a config, in this process, under torchrun or on Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vbdata.cli.common import Json, reported


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A training config (.yaml).")],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="DIR", help="The run's folder; a run in it goes on."),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a key of the config; repeatable."
        ),
    ] = None,
    ray: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Train on Ray: 'local', 'auto' or ray://HOST:PORT."),
    ] = "",
    processes: Annotated[int, typer.Option(min=1, help="Number of processes on Ray.")] = 1,
    as_json: Json = False,
) -> None:
    """Train on finished builds. A run that was interrupted goes on from its last checkpoint.

    Examples:

        vbdata train manifests/train/demo.yaml --out runs/demo

        vbdata train manifests/train/demo.yaml --out runs/demo --set optim.lr=1e-4

        torchrun --nproc-per-node 8 --no-python vbdata train config.yaml --out runs/big

        vbdata train config.yaml --out /shared/runs/big --ray auto --processes 16
    """
    with reported(as_json):
        from vbdata.train.config import load_config

        loaded = load_config(config, settings or ())
        if ray:
            from vbdata.train.ray import train_on_ray

            train_on_ray(loaded, out, ray, processes)
        else:
            from vbdata.train.loop import train as run

            run(loaded, out, as_json)


if __name__ == "__main__":
    typer.run(train)
