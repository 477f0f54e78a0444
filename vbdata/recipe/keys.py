"""The keys of a recipe, their types and what they are where a recipe leaves them out.

A recipe is checked against them as a whole; what they cannot say, such as the options of a reader,
is checked beside them (vbdata.recipe.faults).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    WrapValidator,
    model_serializer,
)

from vbdata.recipe import every

Exhaustion = Literal["repeat", "stop", "redistribute"]
Weight = Annotated[Decimal, Field(ge=0, allow_inf_nan=False, max_digits=40, decimal_places=30)]
Side = Annotated[int, Field(ge=1, le=16384, strict=True)]
Size = tuple[Side, Side]  # width, height in pixels


class Image(BaseModel):
    """Size and coding of the images of all samples.

    max_pixels: larger images are shrunk to that, None: none is; multiple_of: width and height are
    cropped to multiples of it; input: how input images are stored, JPEG files as they are where no
    pixel changes ("jpg") or all as PNG; target: how photographs that are targets are stored, files
    as they are where no pixel changes and else as JPEG ("jpg"), or all as PNG, beside a mask, so
    that every sample has the same members ("png"); size: (width, height) of all images; buckets:
    the sizes of which each image gets the one of the nearest aspect ratio. An image is shrunk until
    it just covers its size, and its centre is cropped; it is never enlarged, so that a smaller
    record is not drawn (vbdata.core.geometry). Either takes the place of the first two.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_pixels: Annotated[int, Field(ge=1, strict=True)] | None = None
    multiple_of: Annotated[int, Field(ge=1, le=256, strict=True)] = 1
    input: Literal["jpg", "png"] = "jpg"
    target: Literal["jpg", "png"] = "jpg"
    size: Size | None = None
    buckets: Annotated[tuple[Size, ...], Field(min_length=1, max_length=1000)] | None = None

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The only sizes that images may have, none if any size will do."""
        return (self.size,) if self.size else self.buckets or ()

    @model_serializer(mode="wrap")
    def _stated(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As JSON has it. Keys that came later stand in it only where a recipe has them."""
        said: dict[str, Any] = plain(self)
        for key in ("size", "buckets"):
            if (value := said.pop(key)) is not None:
                said[key] = [list(v) if isinstance(v, tuple) else v for v in value]
        return said


class SourceKeys(BaseModel):
    """The schema of a source; further keys are options of the dataset's reader."""

    model_config = ConfigDict(extra="allow", frozen=True)

    dataset: str
    root: str | Annotated[list[str], Field(min_length=1)]
    tasks: Annotated[dict[str, Weight], Field(min_length=1)]


class RecipeKeys(BaseModel):
    """The schema of a recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)]
    samples: Annotated[int, Field(ge=1, le=10**10, strict=True), WrapValidator(every.or_all)]
    votes: Annotated[int, Field(ge=1, le=100, strict=True)] | None = None
    shard_size: Annotated[int, Field(ge=1, le=10**7, strict=True)] = 1000
    split: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,31}$")] = "train"
    image: Image = Image()
    spares: Annotated[int, Field(ge=0, le=1000, strict=True)] = 4
    exhaustion: Exhaustion = "repeat"
    max_passes: Annotated[Decimal, Field(gt=0, allow_inf_nan=False, max_digits=40)] = Decimal(4)
    max_bad: Annotated[Decimal, Field(ge=0, le=1, max_digits=40)] = Decimal("0.05")
    licence_policy: Literal["any", "commercial"] = "any"
    holdout: list[Any] = []
    tasks: dict[str, dict[str, Any]] = {}
    sources: Annotated[dict[str, SourceKeys], Field(min_length=1)]


def keys_schema() -> dict[str, Any]:
    """The keys of a recipe as a JSON schema, without readers and their options."""
    return RecipeKeys.model_json_schema()
