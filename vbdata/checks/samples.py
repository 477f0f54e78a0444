"""One sample against its row: members, json, prompt, sizes, and colours that its task can draw.

Whatever bytes a sample has, what is wrong with it is reported as a sentence, never raised.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.core import images
from vbdata.errors import BadSample
from vbdata.manifest.columns import COLUMNS

IN_JSON = frozenset(column.name for column in COLUMNS if column.in_json)
NEARLY_BLACK = 1  # of 255: the brightest that a JPEG may make of black
# What a task's code may raise on params that are not its own.
REFUSED = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError)
MALFORMED = (ValueError, RecursionError)  # what damaged JSON and text raise


def sample_faults(
    parts: Mapping[str, bytes], row: Mapping[str, Any], input_kind: str
) -> Iterator[str]:
    """A sentence for each thing that is wrong with a sample.

    parts: its files by extension; row: its row of the manifest; input_kind: "jpg" or "png".
    """
    image = f"input.{input_kind}"
    expected = {image, "instruction.txt", "json", "target.png", "valid.png"}
    if set(parts) != expected:
        yield f"members {sorted(parts)}, expected {sorted(expected)}"
        return
    yield from _text_faults(parts, row)
    pictures = {}
    for name, decode in (
        (image, images.decode_rgb),
        ("target.png", images.decode_rgb),
        ("valid.png", images.decode_png_raw),
    ):
        try:
            pictures[name] = decode(parts[name], name)
        except BadSample as err:
            yield str(err)
            return
        height, width = pictures[name].shape[:2]
        if (height, width) != (row["height"], row["width"]):
            yield f"{name} is {width}x{height}, its row says {row['width']}x{row['height']}"
            return
    yield from _valid_faults(pictures["valid.png"], row)
    if row["blank_input"] and pictures[image].max() > NEARLY_BLACK:
        yield f"{image} is not black, as its row says"
    yield from _colour_faults(pictures["target.png"], row)


def _text_faults(parts: Mapping[str, bytes], row: Mapping[str, Any]) -> Iterator[str]:
    try:
        facts = json.loads(parts["json"])
    except MALFORMED as err:
        yield f"json: {err}"
    else:
        if not isinstance(facts, dict):
            yield "json is not an object"
        else:
            different = {
                key
                for key in facts.keys() | IN_JSON
                if key not in facts
                or key not in row
                or (type(facts[key]), facts[key]) != (type(row[key]), row[key])
            }
            if different:
                yield f"json and manifest differ in {', '.join(sorted(different))}"
    try:
        text = parts["instruction.txt"].decode()
    except MALFORMED as err:
        yield f"instruction.txt: {err}"
    else:
        if text != row["instruction"] or not text.strip():
            yield "instruction.txt is empty or not the manifest's"


def _valid_faults(valid: NDArray[Any], row: Mapping[str, Any]) -> Iterator[str]:
    if valid.ndim != 2 or not np.isin(valid, (0, 255)).all():
        yield "valid.png has values besides 0 and 255"
    share = round(int(np.count_nonzero(valid)) / valid.size, 6)
    if share != row["valid_share"]:
        yield f"valid.png: {share} of its pixels are valid, {row['valid_share']} in its row"


def _colour_faults(target: NDArray[Any], row: Mapping[str, Any]) -> Iterator[str]:
    import torch

    task = plugins.usable(plugins.TASKS, row["task"])
    if task is None:
        yield f"the task {row['task']!r} is not installed here; its colours were not checked"
        return
    try:
        if bool(task.BLANK_INPUT) != row["blank_input"]:
            yield f"blank_input is {row['blank_input']}, for {row['task']} it is {task.BLANK_INPUT}"
        params, rgb = json.loads(row["params"]), torch.from_numpy(target)
        wrong = int((~task.legal(rgb, params)).sum())
        if wrong:
            yield f"target.png has {wrong} pixels in colours that {row['task']} cannot draw"
        task.decode(rgb, params)
    except REFUSED as err:
        yield f"its params are not those of {row['task']}: {type(err).__name__}: {err}"
