"""The types of manifest.json, part by part: a value of another type gets no further than this.

Nothing is converted: the string "96" is not a number. Keys that this version does not know are
ignored.
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
# As recipes allow them, of builds and sources: they become parts of paths.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Split = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,31}$")]
# Width and height in pixels.
Size = Annotated[list[Annotated[int, Field(ge=1, lt=2**31)]], Field(min_length=2, max_length=2)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ShardLine(_Part):
    """A line of `shards`: a tar, its samples, its bytes and their sums, the digest of its job."""

    tar: str
    samples: Count
    bytes: Count
    sha256: Sha256
    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    job_sha256: Sha256


class CellLine(_Part):
    """A line of `cells`: how many samples of a (source, task) were requested and are there."""

    source: Name
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
    """A line of `licenses`: samples under one licence, in all and by source."""

    license: str
    commercial: bool
    samples: Count
    sources: dict[str, Count]


class HeldSet(_Part):
    """A line of `holdout`: a held-out set; unmatched: lines of it that match no source."""

    set: str
    groups: Count
    unmatched: Count
    sha256: Sha256


class Exclusion(_Part):
    """A line of a source's `excluded`: groups and records that one cause keeps out."""

    cause: str
    set: str
    groups: Count
    records: Count


class SourceLine(_Part):
    """A line of `sources`: a source's reader, licence, records, and digests of index and code.

    missing: records that lack a file, by its role; left_out: annotations that cannot be used while
    the rest of their record can, by reason; filtered: segments, instances and expressions that the
    source's filters changed or left out, by what was done. Manifests of before have none of them.
    """

    source: Name
    dataset: str
    license: str
    homepage: str
    entries: Count
    faults: Count
    missing: dict[str, Count] = Field(default_factory=dict)
    left_out: dict[str, Count] = Field(default_factory=dict)
    filtered: dict[str, Count] = Field(default_factory=dict)
    barred: dict[str, Count]
    groups: Count
    groups_excluded: Count
    excluded: list[Exclusion]
    fingerprint: Sha256
    code: Sha256


class Roundtrip(_Part):
    """An entry of `roundtrip`: a task's errors between labels and decoded targets, in `unit`."""

    unit: str
    tolerance: Finite
    largest: Finite
    mean: Finite


class Image(_Part):
    """`recipe.image`: format of the pictures, and limits of the size in pixels.

    target: of photographs; manifests of before do not say it, and have PNG alone.
    """

    input: Literal["jpg", "png"]
    target: Literal["jpg", "png"] = "png"
    max_pixels: Count | None
    multiple_of: Annotated[int, Field(ge=1, lt=2**31)]
    size: Size | None = None
    buckets: Annotated[list[Size], Field(min_length=1)] | None = None

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """The only sizes (width, height) that images may have, none if any size will do."""
        return tuple((w, h) for w, h in ([self.size] if self.size else self.buckets or []))


class RecipeSource(_Part):
    """An entry of `recipe.sources`: reader, weight of each task, the reader's options, filters."""

    dataset: str
    tasks: dict[str, Fixed]
    options: dict[str, Any]
    filters: dict[str, Any] = Field(default_factory=dict)


class Recipe(_Part):
    """`recipe`: all of it that decides bytes, so without the places of the data."""

    name: Name
    seed: int
    samples: Count | Literal["all"]
    votes: Count | None = None
    shard_size: Annotated[int, Field(ge=1, lt=2**53)]
    split: Split
    image: Image
    spares: Count
    exhaustion: Literal["repeat", "stop", "redistribute"]
    max_bad: Fixed
    licence_policy: Literal["any", "commercial"]
    tasks: dict[str, dict[str, Any]]
    holdout: list[dict[str, Any]]
    sources: dict[Name, RecipeSource]


class Code(_Part):
    """`code`: digests of the code and the prompts that made the samples."""

    engine: Sha256
    prompts: Sha256
    tasks: dict[str, Sha256]


class Manifest(_Part):
    """manifest.json as a whole.

    bytes: of all tars; shortfall: samples that the recipe wants and the build lacks; quarantine:
    damaged records by reason; members: how many samples have each, by extension, empty in
    manifests of before, where every sample has the same five; digest: SHA-256 of all but
    `environment` and itself.
    """

    format: int
    name: Name
    split: Split
    recipe: Recipe
    recipe_sha256: Sha256
    build_sha256: Sha256
    samples: Count
    bytes: Count
    shortfall: Count
    cells: list[CellLine]
    sources: list[SourceLine]
    members: dict[str, Count] = Field(default_factory=dict)
    roundtrip: dict[str, Roundtrip]
    licenses: list[Licence]
    holdout: list[HeldSet]
    quarantine: dict[str, Count]
    code: Code
    shards: list[ShardLine]
    environment: dict[str, str]
    digest: Sha256

    @property
    def wanted(self) -> int:
        """How many samples there are if no slot is empty: the recipe's, or all its queries."""
        stated = self.recipe.samples
        return sum(cell.apportioned for cell in self.cells) if stated == "all" else stated

    @property
    def rows(self) -> str:
        """The path of the Parquet file of the rows."""
        return rows_path(self.split)

    @property
    def published(self) -> list[str]:
        """The paths of the files that this build must have, besides SHA256SUMS."""
        tars = [path for shard in self.shards for path in (shard.tar, offsets_path(shard.tar))]
        held = [HOLDOUT] if self.holdout else []
        return [MANIFEST, self.rows, QUARANTINE, *held, *tars]
