"""What is known of each benchmark: known/NAME.yaml, read and checked, and where its recipe lies.

A file that says `like: OTHER` has the keys of that file, but for those that it has itself.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from vbdata.errors import RecipeError, choices

KNOWN = Path(__file__).parent / "known"
RECIPES = Path(__file__).parents[2] / "manifests" / "benchmarks"

Kind = Literal["depth", "normals", "classes", "regions", "concepts", "collected"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Size(_Part):
    """How large the official set is. records: pictures; rows: queries, None if nobody says."""

    records: int | None = None
    rows: int | None = None


class Variant(_Part):
    """One way to score, where there are several: none of them is hidden.

    name; said: what it is, and who scores so; how: options of the scorer of this kind.
    """

    name: str
    said: str
    how: dict[str, Any] = Field(default_factory=dict)


class Primary(_Part):
    """The number by which answers and rows are compared.

    better: whether more or less of it is.
    """

    variant: str
    metric: str
    better: Literal["more", "less"]


class Published(_Part):
    """A number that somebody else states, and whether a score of ours may stand beside it.

    who: the model; of: on which data; protocol: how it was measured, as far as they say; date:
    year-month; source: where it stands; comparable: whether it is of the protocol of `variant`;
    why: what keeps it from being that.
    """

    who: str
    metric: str
    value: float
    of: str
    protocol: str
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]
    source: str
    variant: str = ""
    comparable: bool = False
    why: str = ""


class Benchmark(_Part):
    """A benchmark: what it is, where to get it, how it is scored, and what others scored.

    name: of its file; kind: of its answers; size: official, by source of its recipe; data, licence,
    where: in words; compares, traps: what its numbers can and cannot stand beside, and what is
    mistaken easily; variants: all are printed; primary: of one of them; ids: class name -> number
    in label maps, for hand-over; units: of a depth map of 16 bits, for one metre.
    """

    name: str
    title: str
    kind: Kind
    size: dict[str, Size]
    unit: str
    data: str
    licence: str
    where: str
    compares: str
    traps: str = ""
    sources: list[str]
    variants: list[Variant]
    primary: Primary
    published: list[Published] = Field(default_factory=list)
    ids: dict[str, int] = Field(default_factory=dict)
    units: int = 1000

    @property
    def recipe(self) -> Path:
        """The file of its recipe."""
        return RECIPES / f"{self.name}.yaml"

    @property
    def rows(self) -> int | None:
        """Rows of the official set, None if nobody says how many."""
        counts = [size.rows for size in self.size.values()]
        return None if None in counts else sum(count or 0 for count in counts)


def names() -> list[str]:
    """The known benchmarks, sorted."""
    return sorted(path.stem for path in KNOWN.glob("[!_]*.yaml"))


def benchmark(name: str) -> Benchmark:
    """A known benchmark by its name. Raises RecipeError with the nearest and all names."""
    if name not in names():
        raise RecipeError([f"{name}: no such benchmark{choices(name, names())}"])
    return _read(name)


@functools.cache
def _read(name: str) -> Benchmark:
    return Benchmark.model_validate({**_content(name), "name": name})


def _content(name: str) -> Mapping[str, Any]:
    content: dict[str, Any] = yaml.safe_load((KNOWN / f"{name}.yaml").read_text(encoding="utf-8"))
    like = content.pop("like", "")
    return {**_content(like), **content} if like else content
