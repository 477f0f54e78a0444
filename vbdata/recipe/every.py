"""Enumerated recipes, `samples: all`: every query of every record once, in a stated order.

samples: all     # in place of a number: the mode of benchmarks
votes: 4         # each query so often, as the task varies it (legends with permuted colours); 1

Nothing is drawn. The order is that of the file's sources, of their tasks, of the records' ids, then
of each record's queries, then of the votes. A record serves whenever it has the labels; what a
task refuses to train on (tiny instances, words that mean two things) is asked all the same. Words
and colours are those of the seed and the task, so they are the same for all records. There are
no spares: a damaged record leaves its slots empty and is listed. No size is cut to a multiple, so
that an answer covers its picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

ALL: Final = "all"
DRAWN = ("exhaustion", "max_passes")  # keys that say something of draws alone


def faults(raw: Mapping[str, Any]) -> Iterator[str]:
    """What keeps a recipe, as it was read, from being enumerated or drawn as it says."""
    if raw.get("samples") != ALL:
        if "votes" in raw:
            yield f"votes: only with samples: {ALL}, which asks every query"
        return
    if raw.get("spares"):
        yield f"spares: with samples: {ALL} there are none: no record can stand for another"
    yield from (f"{key}: has no meaning with samples: {ALL}" for key in DRAWN if key in raw)
    if _mapping(raw.get("image")).get("multiple_of", 1) != 1:
        yield f"image.multiple_of: with samples: {ALL} nothing is cropped: leave it out"
    for key in ("size", "buckets"):
        if key in _mapping(raw.get("image")):
            yield f"image.{key}: with samples: {ALL} nothing is cropped: leave it out"
    for name, source in _mapping(raw.get("sources")).items():
        for task, weight in _mapping(_mapping(source).get("tasks")).items():
            if isinstance(weight, int | Decimal) and weight not in (0, 1):
                where = f"sources.{name}.tasks.{task}"
                yield f"{where}: with samples: {ALL} a weight is 1, not {weight}"


def or_all(value: Any, check: Callable[[Any], Any]) -> Any:
    """The value of `samples:`, for pydantic: "all", or what its check makes of a number."""
    return value if is_all(value) else check(value)


def is_all(samples: object) -> bool:
    """Whether the value of `samples:` asks for an enumerated recipe."""
    return isinstance(samples, str) and samples == ALL


def resolved(samples: int | str, votes: int | None, spares: int) -> dict[str, int]:
    """The keys of a checked recipe that follow: samples, votes and spares as numbers."""
    if is_all(samples):
        return {"samples": 0, "votes": votes or 1, "spares": 0}
    return {"samples": int(samples), "votes": 0, "spares": spares}


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}
