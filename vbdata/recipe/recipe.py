"""Read and check a recipe: everything that decides what is built, and nothing else.

A recipe is a YAML file (safe; decimals are exact). Its faults are found before work starts and are
reported all at once, each with file, key, value and the known choices.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    WrapValidator,
    model_serializer,
)

from vbdata import plugins
from vbdata.core.types import Source
from vbdata.errors import RecipeError
from vbdata.recipe import curriculum, every, filters, own_prompts, yaml12
from vbdata.recipe.faults import recipe_faults, schema_faults
from vbdata.recipe.holdouts import Holdout, holdout_faults, holdouts
from vbdata.recipe.roots import beside, expanded, overridden
from vbdata.recipe.sizes import size_faults
from vbdata.recipe.task_options import task_options
from vbdata.storage.secrets import redacted

LONGEST = 4000  # characters of a fault that are told
MOST = 1000  # faults that are told
Exhaustion = Literal["repeat", "stop", "redistribute"]
Weight = Annotated[Decimal, Field(ge=0, allow_inf_nan=False, max_digits=40, decimal_places=30)]


# What recipes meant before they could say it: no part of their digests.
OLD_IMAGE: dict[str, Any] = {"target": "png", "size": None, "buckets": None}

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


class _Source(BaseModel):
    """The schema of a source; further keys are options of the dataset's reader."""

    model_config = ConfigDict(extra="allow", frozen=True)

    dataset: str
    root: str | Annotated[list[str], Field(min_length=1)]
    tasks: Annotated[dict[str, Weight], Field(min_length=1)]


class _Recipe(BaseModel):
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
    sources: Annotated[dict[str, _Source], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A checked recipe, its sources in the order of the file.

    samples: of the whole build, 0 before a plan has counted the queries of an enumerated one;
    votes: 0 where samples are drawn; of an enumerated recipe (`samples: all`, vbdata.recipe.every)
    how often each query is asked; shard_size: samples of a shard; split: name of the split that is
    built; image: size and coding of images; spares: rows for each cell and shard that replace
    damaged ones; exhaustion: what is done if a cell has too few records ("repeat", "stop",
    "redistribute"); max_passes: passes over a cell above which a plan warns, which changes no byte;
    max_bad: largest share of the rows tried that may be quarantined; licence_policy: "any" or
    "commercial"; holdout: sets whose groups are never drawn; tasks: options of tasks, by name;
    text: the file as it was read; folder: where its paths begin.
    """

    name: str
    seed: int
    samples: int
    votes: int
    shard_size: int
    split: str
    image: Image
    spares: int
    exhaustion: Exhaustion
    max_passes: Decimal
    max_bad: Decimal
    licence_policy: str
    holdout: tuple[Holdout, ...]
    tasks: Mapping[str, Mapping[str, Any]]
    sources: tuple[Source, ...]
    text: str
    folder: str

    def canonical(self) -> dict[str, Any]:
        """What decides the bytes of a build, as JSON values: no roots, decimals as strings."""
        return {
            "name": self.name,
            "seed": self.seed,
            "samples": every.ALL if self.votes else self.samples,
            **({"votes": self.votes} if self.votes else {}),
            "shard_size": self.shard_size,
            "split": self.split,
            "image": self.image.model_dump(),
            "spares": self.spares,
            "exhaustion": self.exhaustion,
            "max_bad": _plain(self.max_bad),
            "licence_policy": self.licence_policy,
            "holdout": [each.canonical() for each in self.holdout],
            "tasks": {task: _canonical_options(given) for task, given in self.tasks.items()},
            "sources": {
                s.name: {
                    "dataset": s.dataset,
                    "tasks": {task: _plain(weight) for task, weight in s.tasks.items()},
                    "options": {key: _plain(value) for key, value in s.options.items()},
                    **({"filters": filters.canonical(s.filters)} if s.filters else {}),
                }
                for s in self.sources
            },
        }

    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the canonical recipe, as `recipe_digest` gives it."""
        return recipe_digest(self.canonical())


def keys_schema() -> dict[str, Any]:
    """The keys of a recipe as a JSON schema, without readers and their options."""
    return _Recipe.model_json_schema()


def recipe_digest(canonical: Mapping[str, Any]) -> str:
    """SHA-256 (hexadecimal) of what `Recipe.canonical` returns.

    The order of sources and of their tasks counts, since ties between cells are broken by it; that
    of other keys does not. Raises LookupError, TypeError or AttributeError for any other value.
    """
    stated = [key for key in _Recipe.model_fields if canonical.get(key) is not None]
    parts = {key: _sorted(canonical[key]) for key in stated}
    image = {**OLD_IMAGE, **canonical["image"]}
    parts["image"] = {
        key: image[key] for key in Image.model_fields if (key, image[key]) not in OLD_IMAGE.items()
    }
    parts["sources"] = {
        name: {
            "dataset": source["dataset"],
            "tasks": source["tasks"],
            "options": _sorted(source["options"]),
            **({"filters": _sorted(source["filters"])} if source.get("filters") else {}),
        }
        for name, source in canonical["sources"].items()
    }
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _sorted(value: Any) -> Any:
    return json.loads(json.dumps(value, sort_keys=True))


def load_recipe(path: Path, roots: Mapping[str, str | Sequence[str]] | None = None) -> Recipe:
    """Read and check a recipe file.

    roots: by name of a source or held-out set, the root or roots to read in place of the file's.
    Raises RecipeError that lists every fault.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as err:
        raise RecipeError([f"{path}: cannot be read: {err.strerror}"]) from err
    except UnicodeDecodeError as err:
        raise RecipeError([f"{path}: not valid YAML: {err}"]) from err
    given = {
        name: (urls,) if isinstance(urls, str) else tuple(urls)
        for name, urls in (roots or {}).items()
    }
    return parse_recipe(text, str(path), path.parent, given)


def parse_recipe(text: str, name: str, folder: Path, roots: Mapping[str, Sequence[str]]) -> Recipe:
    """Check a recipe's text.

    name: of the recipe, for messages; folder: where its paths begin; roots: by name of a source or
    held-out set, the roots to read in place of the text's. Raises RecipeError that lists every
    fault.
    """
    try:
        raw = yaml12.load(text)
    except yaml12.FAULTS as err:
        said, line = yaml12.fault_of(err)
        where = f"{name}:{line}" if line else name
        raise RecipeError(_lines(where, [f"not valid YAML: {said}"])) from err
    if not isinstance(raw, dict):
        raise RecipeError([f"{name}: a recipe is a mapping of keys, got {type(raw).__name__}"])
    faults = [*recipe_faults(raw, roots), *holdout_faults(raw, roots), *every.faults(raw)]
    faults += [*size_faults(raw), *curriculum.faults(raw)]
    parsed: _Recipe | None = None
    try:
        parsed = _Recipe.model_validate(raw)
    except ValidationError as err:
        faults = [*schema_faults(err, _Recipe, {"image": Image}), *faults]
    if parsed is not None and not any(w for s in parsed.sources.values() for w in s.tasks.values()):
        faults.append("sources.*.tasks: the weights add up to 0; at least one must be above 0")
    if faults or parsed is None:
        raise RecipeError(_lines(name, faults, text))
    try:
        return _resolved(parsed, text, folder, roots)
    except RecipeError as err:
        raise RecipeError(_lines(name, err.faults, text)) from err


def _lines(name: str, faults: Sequence[str], text: str = "") -> list[str]:
    """The faults of a recipe as they are told: with its name, cut, without keys to a store.

    text: of the recipe, by which those that begin with a key get its line, as in "r.yaml:7: ...".
    """
    lines = yaml12.lines(text) if text else {}
    told = [fault if len(fault) <= LONGEST else f"{fault[:LONGEST]}..." for fault in faults[:MOST]]
    wheres = [f"{name}{_line(fault, lines)}" for fault in told]
    if more := len(faults) - len(told):
        told.append(f"and {more} faults more")
        wheres.append(name)
    return [f"{where}: {redacted(fault)}" for where, fault in zip(wheres, told, strict=True)]


def _line(fault: str, lines: Mapping[str, int]) -> str:
    """A colon and the line of the key that a fault begins with, or of one above it; "" if none."""
    key = fault.partition(": ")[0]
    while key and key not in lines:
        key = key.rpartition(".")[0]
    return f":{lines[key]}" if key else ""


def _resolved(
    parsed: _Recipe, text: str, folder: Path, roots: Mapping[str, Sequence[str]]
) -> Recipe:
    given = overridden(roots)

    def place(root: str | list[str]) -> tuple[str, ...]:
        listed = [root] if isinstance(root, str) else root
        return tuple(beside(folder, expanded(url)) for url in listed)

    sources = []
    for name, source in parsed.sources.items():
        weights = curriculum.with_reversed(source.tasks, parsed.tasks)
        wanted = {task: weight for task, weight in weights.items() if weight > 0}
        readers = plugins.options(plugins.dataset(source.dataset).index)
        options, filtered = filters.split(source.model_extra or {}, readers)
        sources.append(
            Source(
                name=name,
                dataset=source.dataset,
                roots=given.get(name) or place(source.root),
                tasks=wanted,
                options={key: _keyed(value) for key, value in options.items()},
                filters=filters.filters_of(name, filtered, folder),
            )
        )
    read = {source.dataset: source.roots for source in reversed(sources)}
    plain = {key: getattr(parsed, key) for key in _Recipe.model_fields}
    plain |= every.resolved(parsed.samples, parsed.votes, parsed.spares)
    plain["sources"] = tuple(source for source in sources if source.tasks)
    plain["tasks"] = task_options(parsed.tasks, folder, every.is_all(parsed.samples))
    plain |= {"holdout": holdouts(parsed.holdout, folder, given, read, place)}
    return Recipe(**plain, text=text, folder=str(folder.absolute()))


def _canonical_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a task as JSON values; its own prompts are the content of their file."""
    plain: dict[str, Any] = _plain(options)
    if own_prompts.KEY in plain:
        plain[own_prompts.KEY] = json.loads(plain[own_prompts.KEY])
    return plain


def _keyed(value: Any) -> Any:
    """An option's value, the keys of its mappings as texts, as a manifest has them."""
    if isinstance(value, Mapping):
        return {str(key): _keyed(part) for key, part in value.items()}
    return [_keyed(part) for part in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        text = format(value, "f")
        return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(v) for v in value]
    return value


def first_difference(old: Any, new: Any, key: str = "") -> str | None:
    """Where two canonical recipes differ first, as "key: old -> new"; None if they are equal.

    key: of both values in the recipes, "" for whole ones.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for part in [*old, *(k for k in new if k not in old)]:
            below = f"{key}.{part}" if key else str(part)
            if difference := first_difference(old.get(part), new.get(part), below):
                return difference
        return None if list(old) == list(new) else f"{key}: order {list(old)} -> {list(new)}"
    return None if old == new else f"{key}: {old!r} -> {new!r}"
