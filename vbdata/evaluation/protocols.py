"""Benchmarks' protocols for depth, and published numbers; both are data, by name of a reader."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vbdata.errors import RecipeError, choices
from vbdata.evaluation.metrics.depth import ALIGNMENTS, Crop

FILE = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How depth is scored. max_depth: metres; shares: of the crop, None for no crop."""

    align: str
    max_depth: float
    crop: str
    shares: Crop | None

    def described(self) -> dict[str, Any]:
        """For a report."""
        return {name: value for name, value in asdict(self).items() if name != "shares"}


@functools.cache
def _data() -> dict[str, Any]:
    import yaml

    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def crops() -> list[str]:
    """The names of the crops."""
    return ["none", *_data()["crops"]]


def protocols(datasets: Iterable[str], options: Any) -> Mapping[str, Protocol]:
    """By data set: its benchmark's protocol, what the options say before it.

    options: align, crop and max_depth, the last two None where nothing is said. Raises RecipeError.
    """
    faults = []
    if options.align not in ALIGNMENTS:
        faults.append(f"unknown alignment {options.align!r}{choices(options.align, ALIGNMENTS)}")
    if options.crop is not None and options.crop not in crops():
        faults.append(f"unknown crop {options.crop!r}{choices(options.crop, crops())}")
    if options.max_depth is not None and not 0.001 < options.max_depth < float("inf"):
        faults.append(f"max depth is metres above 0.001, got {options.max_depth}")
    if faults:
        raise RecipeError(faults)
    return {name: _protocol(name, options) for name in datasets}


def _protocol(dataset: str, options: Any) -> Protocol:
    known = _data()["depth"]
    usual = known.get(dataset, known["default"])
    crop = str(usual["crop"] if options.crop is None else options.crop)
    top, bottom, left, right = _data()["crops"].get(crop, (0.0, 1.0, 0.0, 1.0))
    return Protocol(
        align=options.align,
        max_depth=float(usual["max_depth"] if options.max_depth is None else options.max_depth),
        crop=crop,
        shares=None if crop == "none" else (top, bottom, left, right),
    )


def published(kind: str, dataset: str) -> list[dict[str, Any]]:
    """What others report for a kind of task: metric, value, of which data, source."""
    fits = [
        one
        for one in _data()["published"]
        if one["kind"] == kind and dataset in one.get("datasets", (dataset,))
    ]
    return [{name: one[name] for name in ("metric", "value", "of", "source")} for one in fits]
