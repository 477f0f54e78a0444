"""One sample of a finished build as arrays, with its decoded label, and as pictures."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata import codecs, plugins
from vbdata.core import images, members
from vbdata.core.png import encode_png
from vbdata.core.reversal import forward_name, is_reversed
from vbdata.errors import BadSample, BuildError
from vbdata.manifest.drawn import decoded_part, drawn

SHOWN = 320  # pixels: the width of a picture in a notebook


@dataclass(frozen=True, eq=False)
class BuiltSample:
    """A sample of a finished build; a notebook shows it as pictures.

    input, target: uint8 RGB [H, W, 3]; valid: bool[H, W], where the target has a label;
    instruction: the prompt; row: its row of the manifest, with `params` decoded from JSON;
    references: further pictures that the prompt refers to, uint8 RGB of sizes of their own.
    """

    input: images.Pixels = field(repr=False)
    target: images.Pixels = field(repr=False)
    valid: NDArray[np.bool_] = field(repr=False)
    instruction: str
    row: Mapping[str, Any] = field(repr=False)
    references: tuple[images.Pixels, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, row: Mapping[str, Any], files: Mapping[str, bytes]) -> BuiltSample:
        """The sample of a row of the manifest and of its files by extension.

        Raises BadSample if a picture is missing, damaged or not of the row's size, BuildError if
        the instruction or the params cannot be read.
        """
        key, size = row["key"], (row["width"], row["height"])
        target, valid = target_of(files, key, size, row["task"])
        try:
            image = members.named(files, members.INPUT)
            return cls(
                input=_picture(files, key, image, size, images.decode_rgb),
                target=target,
                valid=valid,
                instruction=files[members.INSTRUCTION].decode(),
                row={**row, "params": json.loads(row["params"])},
                references=tuple(
                    images.decode_rgb(files[name], f"{key}.{name}")
                    for name in members.references(files)
                ),
            )
        except (LookupError, ValueError, RecursionError) as err:
            raise BuildError(f"{key}: {type(err).__name__}: {err}; run vbdata verify") from err

    @property
    def key(self) -> str:
        """The sample's key, its name in the build, such as "00000017"."""
        return str(self.row["key"])

    @property
    def source(self) -> str:
        """The sample's source, by its name in the recipe."""
        return str(self.row["source"])

    @property
    def task(self) -> str:
        """The sample's task, which says how the target encodes the label."""
        return str(self.row["task"])

    @property
    def params(self) -> Mapping[str, Any]:
        """What the task's decoder must know, such as a palette or a legend."""
        params: Mapping[str, Any] = self.row["params"]
        return params

    @cached_property
    def label(self) -> NDArray[Any]:
        """The label that the target encodes, or the input of a sample the other way round.

        As `vbdata.codecs.decode` gives it.

        Depth: float32[H, W], metres along +z, inf = sky, NaN = invalid. Normals: float32[H, W, 3],
        unit vectors in OpenCV axes, NaN = invalid. Segments: int[H, W], 0 = background, -1 =
        invalid, k = the k-th legend entry or instance. Images: uint8[H, W, 3]. Raises RecipeError
        for an unknown task, CodecError for params that are not the task's.
        """
        coded = self.input if is_reversed(self.task) else self.target
        return codecs.decode(forward_name(self.task), coded, self.params)

    def _repr_html_(self) -> str:
        """Input, target and decoded label side by side, for notebooks; all texts are escaped."""
        found = decoded_part(self.task, self.params, self.input, self.target)
        label = drawn(found, self.target if is_reversed(self.task) else self.input)
        more = {f"reference {k}": rgb for k, rgb in enumerate(self.references, 1)}
        pictures = {"input": self.input, **more, "target": self.target, "decoded label": label}
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


def target_of(
    files: Mapping[str, bytes], key: str, size: tuple[int, int], task: str
) -> tuple[images.Pixels, NDArray[np.bool_]]:
    """A sample's target, uint8 RGB [H, W, 3], and where it has a label, bool[H, W].

    files: the sample's, by extension; size: (W, H) in pixels, as its row says; task: a photograph
    may have no mask, all of it is valid. Raises BadSample, with the file, if one of the two
    pictures is missing, damaged or of another size or type.
    """
    name = members.named(files, members.TARGET) or members.LABEL
    target = _picture(files, key, name, size, images.decode_rgb)
    if members.VALID not in files and plugins.photograph(task):
        return target, np.ones(target.shape[:2], np.bool_)
    valid = _picture(files, key, members.VALID, size, images.decode_png_raw)
    if valid.ndim != 2:
        channels = f"{valid.shape[2]} channels, expected one"
        raise BadSample("wrong dtype", channels, f"{key}.{members.VALID}")
    return target, valid > 0


def _picture(
    files: Mapping[str, bytes],
    key: str,
    name: str,
    size: tuple[int, int],
    decode: Callable[[bytes, str], NDArray[Any]],
) -> NDArray[Any]:
    file = f"{key}.{name}"
    if name not in files:
        raise BadSample("missing", f"the sample has only {', '.join(sorted(files))}", file)
    picture = decode(files[name], file)
    height, width = picture.shape[:2]
    if (width, height) != size:
        raise BadSample("wrong size", f"{width}x{height}, its row says {size[0]}x{size[1]}", file)
    return picture
