"""Commands on single things: prompts of a task, one array to RGB, one RGB image to numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vbdata.cli.common import Roots, read_recipe, reported


def prompts(
    task: Annotated[str, typer.Argument(metavar="TASK", help="A task.")],
    recipe: Annotated[
        Path, typer.Option("--recipe", metavar="RECIPE", help="Whose data to ask of.")
    ],
    root: Roots = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")] = 20,
) -> None:
    """Print prompts of one task, as a recipe's data would get them.

    Example:

        vbdata prompts semantic --recipe manifests/demo.yaml -n 30
    """
    with reported(False):
        from vbdata.engine.build import planned
        from vbdata.terminal import tables as prints

        with planned(read_recipe(recipe, root)) as made:
            prints.print_prompts(made, task, count)


Params = Annotated[
    str | None,
    typer.Option("--params", metavar="JSON", help="What the decoder must know; or a file of it."),
]
Scale = Annotated[float, typer.Option(min=1e-9, help="Units of a 16-bit PNG in one metre.")]


def encode(
    task: Annotated[str, typer.Argument(metavar="TASK", help="Which encoding.")],
    source: Annotated[Path, typer.Argument(metavar="IN", help=".npy, .exr, 8 or 16-bit .png")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help=".png")],
    params: Params = None,
    scale: Scale = 1.0,
) -> None:
    """Draw one array as RGB: depth in metres, normals in OpenCV axes, or ids of a legend.

    Examples:

        vbdata encode depth depth.png rgb.png --scale 256     (16-bit PNG, 256 units a metre)

        vbdata encode depth depth.npy rgb.png --params '{"palette": "viridis"}'
    """
    with reported(False):
        from vbdata import codecs

        rgb = codecs.encode(task, codecs.read_array(source, scale), codecs.read_params(params))
        codecs.write_array(target, rgb)
        typer.echo(f"{target}: {rgb.shape[1]}x{rgb.shape[0]}")


def decode(
    task: Annotated[str, typer.Argument(metavar="TASK", help="Which encoding.")],
    source: Annotated[Path, typer.Argument(metavar="IN", help="RGB: .png or .jpg")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help=".npy, .exr or 16-bit .png")],
    params: Params = None,
    scale: Scale = 1.0,
) -> None:
    """Read one RGB image back to numbers; invalid pixels are NaN (or -1, or 0 in a PNG).

    Example:

        vbdata decode depth rgb.png depth.npy
    """
    with reported(False):
        from vbdata import codecs

        found = codecs.decode(task, codecs.read_rgb(source), codecs.read_params(params))
        codecs.write_array(target, found, scale)
        typer.echo(f"{target}: {found.dtype} {'x'.join(map(str, found.shape))}")
