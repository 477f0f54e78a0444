"""One sample against its row: members and their order, json, prompt, and its pictures.

Whatever bytes a sample has, what is wrong with it is reported as a sentence, never raised.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from vbdata import plugins
from vbdata.checks.pictures import Doubts, picture_faults
from vbdata.core import members
from vbdata.core.reversal import is_reversed
from vbdata.manifest.columns import COLUMNS
from vbdata.manifest.model import Image

IN_JSON = frozenset(column.name for column in COLUMNS if column.in_json)
MALFORMED = (ValueError, RecursionError)  # what damaged JSON and text raise


def sample_faults(
    parts: Mapping[str, bytes], row: Mapping[str, Any], image: Image, doubts: Doubts
) -> Iterator[str]:
    """A sentence for each thing that is wrong with a sample.

    parts: its files by extension, in the order of the tar; row: its row of the manifest; image:
    the recipe's; doubts: takes what is seen of this sample.
    """
    expected = _expected(parts, row, image)
    if sorted(parts) != expected:
        yield f"members {sorted(parts)}, expected {expected}"
        return
    if [*parts] != expected:
        yield f"members in the order {[*parts]}, expected {expected}"
    doubts.members.update([*parts])
    yield from _json_faults(parts[members.FACTS], row)
    try:
        text = parts[members.INSTRUCTION].decode()
    except MALFORMED as err:
        yield f"instruction.txt: {err}"
    else:
        if text != row["instruction"] or not text.strip():
            yield "instruction.txt is empty or not the manifest's"
    yield from picture_faults(parts, row, _input_kind(row, image), doubts)


def _expected(parts: Mapping[str, bytes], row: Mapping[str, Any], image: Image) -> list[str]:
    """The members that a sample should have, sorted.

    Of a task that is not installed here it is not known whether its targets are photographs.
    """
    if plugins.usable(plugins.TASKS, row["task"]) is None:
        photograph = members.VALID not in parts
    else:
        photograph = plugins.photograph(row["task"])
    whole = image.target == "png" or not photograph
    return members.expected(parts, _input_kind(row, image), whole, _references(row["params"]))


def _input_kind(row: Mapping[str, Any], image: Image) -> str:
    """Of which kind a sample's input is: jpg or png."""
    return members.kind(members.DRAWN_INPUT) if is_reversed(row["task"]) else image.input


def _references(params: str) -> int:
    """How many references a sample's params say that it has."""
    try:
        count = json.loads(params).get(members.REFERENCES, 0)
    except (*MALFORMED, AttributeError):
        return 0  # reported with the pictures
    return count if isinstance(count, int) and 0 <= count <= members.MOST else 0


def _json_faults(data: bytes, row: Mapping[str, Any]) -> Iterator[str]:
    right = {name: row[name] for name in IN_JSON}
    if data == json.dumps(right, sort_keys=True, separators=(",", ":")).encode():
        return
    try:
        facts = json.loads(data)
    except MALFORMED as err:
        yield f"json: {err}"
        return
    if not isinstance(facts, dict):
        yield "json is not an object"
        return
    different = {
        key
        for key in facts.keys() | IN_JSON
        if key not in facts
        or key not in right
        or (type(facts[key]), facts[key]) != (type(right[key]), right[key])
    }
    if different:
        yield f"json and manifest differ in {', '.join(sorted(different))}"
    else:
        yield "json is not laid out as it was written: a key may stand twice"
