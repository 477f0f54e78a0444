"""The parts of manifest.json that other files can confirm, typed: wrong types never go further."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vbdata.layout import HOLDOUT, MANIFEST, QUARANTINE, offsets_path, rows_path

Count = Annotated[int, Field(ge=0, lt=2**53)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[^/\\\x00]+$", max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Shard(_Part):
    """A line of `shards`."""

    tar: str
    samples: Count
    bytes: Count
    sha256: Sha256
    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    job_sha256: Sha256


class Cell(_Part):
    """A line of `cells`."""

    source: str
    task: str
    requested: str
    share: str
    apportioned: Count
    unique: Count
    repeated: Count
    realised: Count
    quarantined: Count
    replaced: Count


class Licence(_Part):
    """A line of `licenses`."""

    license: str
    commercial: bool
    samples: Count
    sources: dict[str, Count]


class HeldSet(_Part):
    """A line of `holdout`."""

    set: str
    groups: Count
    sha256: Sha256


class SourceLine(_Part):
    """A line of `sources`, as far as the rows can tell."""

    source: str
    dataset: str


class Roundtrip(_Part):
    """An entry of `roundtrip`."""

    tolerance: float
    largest: float
    mean: float


class Image(_Part):
    """`recipe.image`."""

    input: Literal["jpg", "png"]
    max_pixels: Count | None
    multiple_of: Annotated[int, Field(ge=1, lt=2**31)]


class RecipeSource(_Part):
    """An entry of `recipe.sources`."""

    dataset: str
    tasks: dict[str, Annotated[str, Field(pattern=r"^\d{1,40}(\.\d{1,40})?$")]]


class Recipe(_Part):
    """`recipe`, as far as the rows can tell."""

    name: str
    seed: int
    samples: Count
    shard_size: Annotated[int, Field(ge=1, lt=2**53)]
    split: Name
    image: Image
    licence_policy: Literal["any", "commercial"]
    holdout: list[dict[str, Any]]
    sources: dict[str, RecipeSource]


class Code(_Part):
    """`code`: digests of what drew the targets."""

    tasks: dict[str, str]


class Manifest(_Part):
    """manifest.json, as far as anything else can tell whether it is right."""

    format: int
    name: str
    split: Name
    recipe: Recipe
    build_sha256: Sha256
    samples: Count
    bytes: Count
    shortfall: Count
    cells: list[Cell]
    sources: list[SourceLine]
    roundtrip: dict[str, Roundtrip]
    licenses: list[Licence]
    holdout: list[HeldSet]
    quarantine: dict[str, Count]
    code: Code
    shards: list[Shard]
    digest: Sha256

    @property
    def rows(self) -> str:
        """Where the rows lie."""
        return rows_path(self.split)

    @property
    def published(self) -> list[str]:
        """The files that no build lacks."""
        tars = [path for shard in self.shards for path in (shard.tar, offsets_path(shard.tar))]
        held = [HOLDOUT] if self.holdout else []
        return [MANIFEST, self.rows, QUARANTINE, *held, *tars]
