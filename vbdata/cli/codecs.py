"""`vbdata prompts`, `encode` and `decode`: prompts of a task, and its colours for single files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from vbdata.cli.common import Roots, known_tasks, read_recipe, reported


def prompts(
    task: Annotated[
        str,
        typer.Argument(metavar="TASK", autocompletion=known_tasks, help="A task of the recipe."),
    ],
    recipe: Annotated[
        Path,
        typer.Option("--recipe", metavar="RECIPE", help="The recipe whose data is asked about."),
    ],
    root: Roots = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many prompts.")] = 20,
) -> None:
    """Print prompts of one task, as a build of a recipe would hold them.

    Example:

        vbdata prompts semantic --recipe manifests/demo.yaml -n 30
    """
    with reported(False):
        from vbdata.engine.build import planned
        from vbdata.terminal.tables import print_prompts

        with planned(read_recipe(recipe, root)) as made:
            print_prompts(made, task, count)


Params = Annotated[
    str | None,
    typer.Option(
        "--params",
        metavar="JSON",
        help="What the decoder needs, as in a sample's json: JSON, or a file of it.",
    ),
]
Scale = Annotated[
    float | None,
    typer.Option(min=1e-9, metavar="UNITS", help="How many units of integer depth make one metre."),
]


Task = Annotated[
    str,
    typer.Argument(
        metavar="TASK", autocompletion=known_tasks, help="The task whose colours are used."
    ),
]

DEPTH = "depth"  # the kind of label that has a unit; relative depth may have one


def _refuse_scale(task: str, scale: float | None) -> None:
    """Raise CodecError for a scale of what has no unit."""
    from vbdata import codecs

    if scale is not None and not codecs.label_kind(task).endswith(DEPTH):
        raise codecs.CodecError(f"--scale is the unit of depth; {task} has none")


def encode(
    task: Task,
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="The array: .npy, .exr, 8-bit or 16-bit .png.")
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The RGB image: .png.")],
    params: Params = None,
    scale: Scale = None,
) -> None:
    """Encode an array as RGB: depth in metres, normals in OpenCV axes, ids of a legend, and so on.

    Depth in integers, of a PNG or any other file, needs --scale; in it 0 is missing.

    Examples:

        vbdata encode depth depth.png rgb.png --scale 256     (16-bit PNG, 256 units a metre)

        vbdata encode depth depth.npy rgb.png --params '{"palette": "viridis"}'
    """
    with reported(False):
        from vbdata import codecs, plugins

        _refuse_scale(task, scale)
        array = codecs.read_array(source, scale)
        full = codecs.full_params(task, array, codecs.read_params(params))
        rgb = codecs.encode(task, array, full)
        codecs.write_array(target, rgb)
        read = f", depth {codecs.depth_range(array)}" if codecs.label_kind(task) == DEPTH else ""
        typer.echo(f"{target}: {rgb.shape[1]}x{rgb.shape[0]}{read}")
        if plugins.MEASURED in full:
            typer.echo(f"--params '{json.dumps(full)}' decodes it")


def decode(
    task: Task,
    source: Annotated[Path, typer.Argument(metavar="IN", help="The RGB image: .png or .jpg.")],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="The array: .npy, .exr or 16-bit .png.")
    ],
    params: Params = None,
    scale: Scale = None,
) -> None:
    """Decode an RGB image to an array. Invalid pixels are NaN, in ids -1, in a PNG of depth 0.

    Depth in a PNG is whole numbers and needs --scale.

    Example:

        vbdata decode depth rgb.png depth.npy
    """
    with reported(False):
        from vbdata import codecs

        _refuse_scale(task, scale)
        array = codecs.decode(task, codecs.read_rgb(source), codecs.read_params(params))
        codecs.write_array(target, array, scale)
        typer.echo(f"{target}: {array.dtype} {'x'.join(map(str, array.shape))}")
