"""manifest.json, typed part by part: a value of another type never goes further than this module.

Strict: a text is no number and a number no text. Keys that this version does not know are left out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vbdata.layout import HOLDOUT, MANIFEST, QUARANTINE, offsets_path, rows_path

FORMAT = 1  # of manifest.json; another number is another set of keys

Count = Annotated[int, Field(ge=0, lt=2**53)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Fixed = Annotated[str, Field(pattern=r"^\d{1,40}(\.\d{1,40})?$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[^/\\\x00]+$", max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class ShardLine(_Part):
    """A line of `shards`."""

    tar: str
    samples: Count
    bytes: Count
    sha256: Sha256
    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    job_sha256: Sha256


class CellLine(_Part):
    """A line of `cells`: what was asked of a (source, task) and what the build has, in samples."""

    source: str
    task: str
    requested: Fixed
    share: Fixed
    passes: Fixed
    eligible: Count
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
    """A line of `holdout`: a set whose groups never enter, and lines of it that match no source."""

    set: str
    groups: Count
    unmatched: Count
    sha256: Sha256


class Exclusion(_Part):
    """A line of a source's `excluded`: what one cause keeps out of it."""

    cause: str
    set: str
    groups: Count
    records: Count


class SourceLine(_Part):
    """A line of `sources`: a source's reader, licence, records, and the digest of its index."""

    source: Name
    dataset: str
    license: str
    homepage: str
    entries: Count
    faults: Count
    barred: dict[str, Count]
    groups: Count
    groups_excluded: Count
    excluded: list[Exclusion]
    fingerprint: Sha256
    code: Sha256


class Roundtrip(_Part):
    """An entry of `roundtrip`: errors of the targets' own decoding, in `unit`."""

    unit: str
    tolerance: Finite
    largest: Finite
    mean: Finite


class Image(_Part):
    """`recipe.image`."""

    input: Literal["jpg", "png"]
    max_pixels: Count | None
    multiple_of: Annotated[int, Field(ge=1, lt=2**31)]


class RecipeSource(_Part):
    """An entry of `recipe.sources`."""

    dataset: str
    tasks: dict[str, Annotated[str, Field(pattern=r"^\d{1,40}(\.\d{1,40})?$")]]
    options: dict[str, Any]


class Recipe(_Part):
    """`recipe`: what decides the bytes, without roots."""

    name: str
    seed: int
    samples: Count
    shard_size: Annotated[int, Field(ge=1, lt=2**53)]
    split: Name
    image: Image
    spares: Count
    exhaustion: Literal["repeat", "stop", "redistribute"]
    max_bad: Annotated[str, Field(max_length=100)]
    licence_policy: Literal["any", "commercial"]
    tasks: dict[str, dict[str, Any]]
    holdout: list[dict[str, Any]]
    sources: dict[Name, RecipeSource]


class Code(_Part):
    """`code`: digests of what drew the targets."""

    engine: Sha256
    prompts: Sha256
    tasks: dict[str, Sha256]


class Manifest(_Part):
    """manifest.json. `bytes`: of all tars; `digest`: of all but the environment and itself."""

    format: int
    name: str
    split: Name
    recipe: Recipe
    recipe_sha256: Sha256
    build_sha256: Sha256
    samples: Count
    bytes: Count
    shortfall: Count
    cells: list[CellLine]
    sources: list[SourceLine]
    roundtrip: dict[str, Roundtrip]
    licenses: list[Licence]
    holdout: list[HeldSet]
    quarantine: dict[str, Count]
    code: Code
    shards: list[ShardLine]
    environment: dict[str, str]
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
