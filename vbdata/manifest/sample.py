"""One sample of a finished build, as arrays."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata import codecs
from vbdata.core import images
from vbdata.core.png import encode_png
from vbdata.errors import BadSample, BuildError
from vbdata.manifest.drawn import decoded, drawn

SHOWN = 320  # pixels: how wide a picture is shown in a notebook


@dataclass(frozen=True, eq=False)
class BuiltSample:
    """A sample of a finished build.

    input, target: uint8 RGB [H, W, 3]; valid: bool[H, W], where the target has a label;
    instruction: the prompt; row: what the manifest says of it, params decoded from their JSON.
    A notebook shows it as pictures.
    """

    input: images.Pixels = field(repr=False)
    target: images.Pixels = field(repr=False)
    valid: NDArray[np.bool_] = field(repr=False)
    instruction: str
    row: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, row: Mapping[str, Any], members: Mapping[str, bytes]) -> BuiltSample:
        """The sample of a row and of its files by extension.

        Raises BadSample for a damaged picture, BuildError for one that is not as its row says.
        """
        key = row["key"]
        try:
            given = next(name for name in members if name.startswith("input."))
            sample = cls(
                input=images.decode_rgb(members[given], f"{key}.{given}"),
                target=images.decode_rgb(members["target.png"], f"{key}.target.png"),
                valid=images.decode_png_raw(members["valid.png"], f"{key}.valid.png") > 0,
                instruction=members["instruction.txt"].decode(),
                row={**row, "params": json.loads(row["params"])},
            )
        except (StopIteration, LookupError, ValueError, RecursionError) as err:
            raise BuildError(f"{key}: {type(err).__name__}: {err}; run vbdata verify") from err
        size = (row["height"], row["width"])
        pictures = {"input": sample.input, "target": sample.target, "valid": sample.valid}
        for name, picture in pictures.items():
            if picture.shape[:2] != size:
                height, width = picture.shape[:2]
                raise BadSample(
                    "wrong size",
                    f"{name} is {width}x{height}, its row says {size[1]}x{size[0]}",
                    key,
                )
        return sample

    @property
    def key(self) -> str:
        """Its name in the build."""
        return str(self.row["key"])

    @property
    def source(self) -> str:
        """Its source, as the recipe calls it."""
        return str(self.row["source"])

    @property
    def task(self) -> str:
        """Its task: which encoding the target is in."""
        return str(self.row["task"])

    @property
    def params(self) -> Mapping[str, Any]:
        """What the decoder must know: palette, legend, and so on, as its task defines them."""
        params: Mapping[str, Any] = self.row["params"]
        return params

    @cached_property
    def label(self) -> NDArray[Any]:
        """What the target says, by its task's own decoder, as `vbdata.codecs.decode` gives it.

        Depth: float32[H, W], metres along +z, inf = sky, NaN = invalid. Normals: float32[H, W, 3],
        unit, OpenCV axes, NaN = invalid. Segments: int[H, W], 0 = background, -1 = invalid, k = the
        k-th of the legend or instance. Pictures: uint8[H, W, 3]. Raises RecipeError if the task is
        not known here, CodecError if the params are not its own.
        """
        return codecs.decode(self.task, self.target, self.params)

    def _repr_html_(self) -> str:
        """Input, target and decoded label side by side, for notebooks; all texts are escaped."""
        label = drawn(decoded(self.target, self.task, self.params), self.input)
        pictures = {"input": self.input, "target": self.target, "decoded label": label}
        cells = "".join(
            f'<td style="text-align:left">{name}<br><img width="{SHOWN}" alt="{name}" '
            f'src="data:image/png;base64,{base64.b64encode(encode_png(pixels)).decode()}"></td>'
            for name, pixels in pictures.items()
        )
        title = f"{self.source} / {self.task}, {self.key}, record {self.row['sample_id']}"
        return (
            f"<p><b>{html.escape(title)}</b></p><p>{html.escape(self.instruction)}</p>"
            f"<table><tr>{cells}</tr></table>"
        )
