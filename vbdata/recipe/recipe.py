"""Read and check a recipe: everything that decides what is built, and nothing else.

A recipe is a YAML file (safe; decimals are exact). Its faults are found before work starts and are
reported all at once, each with file, key, value and the known choices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vbdata import plugins
from vbdata.core.types import Source
from vbdata.errors import RecipeError
from vbdata.recipe import curriculum, every, filters, yaml12
from vbdata.recipe.canonical import canonical_options, plain_value, recipe_digest
from vbdata.recipe.faults import recipe_faults, schema_faults, told
from vbdata.recipe.holdouts import Holdout, holdout_faults, holdouts
from vbdata.recipe.keys import Exhaustion, Image, RecipeKeys
from vbdata.recipe.roots import beside, expanded, overridden
from vbdata.recipe.sizes import size_faults
from vbdata.recipe.task_options import task_options


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
            "max_bad": plain_value(self.max_bad),
            "licence_policy": self.licence_policy,
            "holdout": [each.canonical() for each in self.holdout],
            "tasks": {task: canonical_options(given) for task, given in self.tasks.items()},
            "sources": {
                s.name: {
                    "dataset": s.dataset,
                    "tasks": {task: plain_value(weight) for task, weight in s.tasks.items()},
                    "options": {key: plain_value(value) for key, value in s.options.items()},
                    **({"filters": filters.canonical(s.filters)} if s.filters else {}),
                }
                for s in self.sources
            },
        }

    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the canonical recipe, as `recipe_digest` gives it."""
        return recipe_digest(self.canonical())


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
        raise RecipeError(told(where, [f"not valid YAML: {said}"])) from err
    if not isinstance(raw, dict):
        raise RecipeError([f"{name}: a recipe is a mapping of keys, got {type(raw).__name__}"])
    faults = [*recipe_faults(raw, roots), *holdout_faults(raw, roots), *every.faults(raw)]
    faults += [*size_faults(raw), *curriculum.faults(raw)]
    parsed: RecipeKeys | None = None
    try:
        parsed = RecipeKeys.model_validate(raw)
    except ValidationError as err:
        faults = [*schema_faults(err, RecipeKeys, {"image": Image}), *faults]
    if parsed is not None and not any(w for s in parsed.sources.values() for w in s.tasks.values()):
        faults.append("sources.*.tasks: the weights add up to 0; at least one must be above 0")
    if faults or parsed is None:
        raise RecipeError(told(name, faults, text))
    try:
        return _resolved(parsed, text, folder, roots)
    except RecipeError as err:
        raise RecipeError(told(name, err.faults, text)) from err


def _resolved(
    parsed: RecipeKeys, text: str, folder: Path, roots: Mapping[str, Sequence[str]]
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
    plain = {key: getattr(parsed, key) for key in RecipeKeys.model_fields}
    plain |= every.resolved(parsed.samples, parsed.votes, parsed.spares)
    plain["sources"] = tuple(source for source in sources if source.tasks)
    plain["tasks"] = task_options(parsed.tasks, folder, every.is_all(parsed.samples))
    plain |= {"holdout": holdouts(parsed.holdout, folder, given, read, place)}
    return Recipe(**plain, text=text, folder=str(folder.absolute()))


def _keyed(value: Any) -> Any:
    """An option's value, the keys of its mappings as texts, as a manifest has them."""
    if isinstance(value, Mapping):
        return {str(key): _keyed(part) for key, part in value.items()}
    return [_keyed(part) for part in value] if isinstance(value, list) else value
