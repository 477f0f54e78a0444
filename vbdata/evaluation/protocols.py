"""How benchmarks score depth, and numbers that others published: read from protocols.yaml."""

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
class DepthProtocol:
    """How the depth of a dataset is scored.

    align: one of ALIGNMENTS; max_depth: metres, beyond which nothing is scored; crop: its name;
    shares: of the crop, (top, bottom, left, right) of the source image's height and width, None
    for no crop.
    """

    align: str
    max_depth: float
    crop: str
    shares: Crop | None

    def described(self) -> dict[str, Any]:
        """The protocol as a report has it: align, max_depth and crop."""
        return {name: value for name, value in asdict(self).items() if name != "shares"}


@functools.cache
def _data() -> dict[str, Any]:
    import yaml

    content: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return content


def crops() -> list[str]:
    """The names of the known crops, "none" first."""
    return ["none", *_data()["crops"]]


def crop_shares() -> Mapping[str, Crop]:
    """The known crops by name: shares of height and width (top, bottom, left, right)."""
    return {name: (a, b, c, d) for name, (a, b, c, d) in _data()["crops"].items()}


def protocols(datasets: Iterable[str], options: Any) -> Mapping[str, DepthProtocol]:
    """The protocol of each dataset: its benchmark's, overridden by the options.

    options: has align, crop and max_depth (metres), the last two None for the benchmark's. Raises
    RecipeError, with the known choices, for an unknown alignment or crop or a wrong depth.
    """
    faults = []
    if options.align not in ALIGNMENTS:
        faults.append(f"unknown alignment {options.align!r}{choices(options.align, ALIGNMENTS)}")
    if options.crop is not None and options.crop not in crops():
        faults.append(f"unknown crop {options.crop!r}{choices(options.crop, crops())}")
    if options.max_depth is not None and not 0.001 < options.max_depth < float("inf"):
        faults.append(
            f"max depth is a finite number of metres above 0.001, got {options.max_depth}"
        )
    if faults:
        raise RecipeError(faults)
    return {name: _protocol(name, options) for name in datasets}


def _protocol(dataset: str, options: Any) -> DepthProtocol:
    by_dataset = _data()["depth"]
    usual = by_dataset.get(dataset, by_dataset["default"])
    crop = str(usual["crop"] if options.crop is None else options.crop)
    top, bottom, left, right = _data()["crops"].get(crop, (0.0, 1.0, 0.0, 1.0))
    return DepthProtocol(
        align=options.align,
        max_depth=float(usual["max_depth"] if options.max_depth is None else options.max_depth),
        crop=crop,
        shares=None if crop == "none" else (top, bottom, left, right),
    )


def published(kind: str, dataset: str) -> list[dict[str, Any]]:
    """Numbers that others published for a kind of label: {metric, value, of, source} each.

    of: the data they were measured on; source: the paper. Not measured under our protocol.
    """
    fits = [
        one
        for one in _data()["published"]
        if one["kind"] == kind and dataset in one.get("datasets", (dataset,))
    ]
    return [{name: one[name] for name in ("metric", "value", "of", "source")} for one in fits]
