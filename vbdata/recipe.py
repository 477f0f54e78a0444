"""Read and check a recipe: everything that decides what is built, and nothing else.

A recipe is a YAML file (safe subset; numbers keep their decimals exactly). Every fault is found
before work starts and all are reported at once, each with file, key, value and the known choices.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vbdata import plugins
from vbdata.errors import RecipeError, choices
from vbdata.nouns import Source

Exhaustion = Literal["repeat", "stop", "redistribute"]
Weight = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class Image(BaseModel):
    """Output geometry and input coding. max_pixels only ever shrinks; None = native size."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_pixels: Annotated[int, Field(ge=1, strict=True)] | None = None
    multiple_of: Annotated[int, Field(ge=1, le=256, strict=True)] = 1
    input: Literal["jpg", "png"] = "jpg"


class _Source(BaseModel):
    """One entry below `sources:`; further keys are options of the dataset's reader."""

    model_config = ConfigDict(extra="allow", frozen=True)

    dataset: str
    root: str
    tasks: Annotated[dict[str, Weight], Field(min_length=1)]


class _Recipe(BaseModel):
    """The schema of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)]
    samples: Annotated[int, Field(ge=1, strict=True)]
    shard_size: Annotated[int, Field(ge=1, strict=True)] = 1000
    split: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,31}$")] = "train"
    image: Image = Image()
    spares: Annotated[int, Field(ge=0, le=1000, strict=True)] = 4
    exhaustion: Exhaustion = "repeat"
    max_bad: Annotated[Decimal, Field(ge=0, le=1)] = Decimal("0.05")
    tasks: dict[str, dict[str, Any]] = {}
    sources: Annotated[dict[str, _Source], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A checked recipe, sources in the file's order.

    spares: replacement rows a cell a shard; max_bad: largest quarantined share of the rows tried;
    tasks: options of tasks by name.
    """

    name: str
    seed: int
    samples: int
    shard_size: int
    split: str
    image: Image
    spares: int
    exhaustion: Exhaustion
    max_bad: Decimal
    tasks: Mapping[str, Mapping[str, Any]]
    sources: tuple[Source, ...]

    def canonical(self) -> dict[str, Any]:
        """What decides the bytes, as JSON values: no roots, decimals as strings."""
        plain = {
            "name": self.name,
            "seed": self.seed,
            "samples": self.samples,
            "shard_size": self.shard_size,
            "split": self.split,
            "image": self.image.model_dump(),
            "spares": self.spares,
            "exhaustion": self.exhaustion,
            "max_bad": _plain(self.max_bad),
            "tasks": _plain(self.tasks),
            "sources": {
                s.name: {
                    "dataset": s.dataset,
                    "tasks": {task: _plain(weight) for task, weight in s.tasks.items()},
                    "options": {key: _plain(value) for key, value in s.options.items()},
                }
                for s in self.sources
            },
        }
        return plain

    def digest(self) -> str:
        """SHA-256 of the canonical recipe; the order of the sources counts (it breaks ties)."""
        text = json.dumps(self.canonical(), separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def load_recipe(path: Path, roots: Mapping[str, str] | None = None) -> Recipe:
    """Read, check and resolve a recipe; roots override sources' roots by name.

    Raises RecipeError with every fault.
    """
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 (a SafeLoader)
    except OSError as err:
        raise RecipeError([f"{path}: cannot be read: {err.strerror}"]) from err
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise RecipeError([f"{path}: not valid YAML: {err}"]) from err
    if not isinstance(raw, dict):
        raise RecipeError([f"{path}: a recipe is a mapping of keys, got {type(raw).__name__}"])
    faults = [*_plug_in_faults(raw), *_task_option_faults(raw), *_root_faults(raw, roots or {})]
    parsed: _Recipe | None = None
    try:
        parsed = _Recipe.model_validate(raw)
    except ValidationError as err:
        faults = [*_schema_faults(err), *faults]
    if faults or parsed is None:
        raise RecipeError([f"{path}: {fault}" for fault in faults])
    return _resolved(parsed, path.parent, roots or {})


def _resolved(parsed: _Recipe, folder: Path, roots: Mapping[str, str]) -> Recipe:
    sources = []
    for name, source in parsed.sources.items():
        root = roots.get(name) or _beside(folder, source.root)
        given = dict(source.model_extra or {})
        wanted = {task: weight for task, weight in source.tasks.items() if weight > 0}
        sources.append(
            Source(name=name, dataset=source.dataset, root=root, tasks=wanted, options=given)
        )
    plain = {key: getattr(parsed, key) for key in _Recipe.model_fields}
    plain |= {"sources": tuple(s for s in sources if s.tasks), "tasks": _task_options(parsed)}
    return Recipe(**plain)


def _task_options(parsed: _Recipe) -> dict[str, dict[str, Any]]:
    """Options by task, each as the type of its default."""
    typed = {}
    for task, options in parsed.tasks.items():
        known = plugins.options(plugins.task(task).ask)
        typed[task] = {key: type(known[key].default)(value) for key, value in options.items()}
    return typed


def _beside(folder: Path, root: str) -> str:
    return root if "://" in root else str((folder / Path(root).expanduser()).resolve())


def _plug_in_faults(raw: Mapping[str, Any]) -> Iterator[str]:
    """Faults in how sources name datasets, options and tasks, and in the weights as a whole."""
    total = Decimal(0)
    for name, source in _mapping(raw.get("sources")).items():
        source = _mapping(source)
        tasks = _mapping(source.get("tasks"))
        total += sum((w for w in tasks.values() if isinstance(w, int | Decimal)), Decimal(0))
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", str(name)):
            yield f"sources.{name}: a name is letters, digits, '-' and '_'"
        labels = None
        if isinstance(source.get("dataset"), str):
            module, fault = _module(plugins.DATASETS, source["dataset"])
            if fault:
                yield f"sources.{name}.dataset: {fault}"
            else:
                labels = {*module.LABELS, "image"}
                yield from _option_faults(str(name), source, module)
        for task in tasks:
            yield from _task_faults(str(name), str(task), source.get("dataset"), labels)
    if _mapping(raw.get("sources")) and total <= 0:
        yield f"sources.*.tasks: the weights add up to {total}; at least one must be above 0"


def _option_faults(name: str, source: Mapping[str, Any], module: Any) -> Iterator[str]:
    known = plugins.options(module.index)
    for key in source:
        if key not in known and key not in _Source.model_fields:
            every = [*known, *_Source.model_fields]
            yield f"sources.{name}.{key}: unknown key{choices(key, every)}"


def _task_faults(name: str, task: str, dataset: Any, labels: set[str] | None) -> Iterator[str]:
    module, fault = _module(plugins.TASKS, task)
    if fault:
        yield f"sources.{name}.tasks.{task}: {fault}"
    elif labels is not None and not labels.issuperset(module.NEEDS):
        lacking = ", ".join(sorted(set(module.NEEDS) - labels))
        able = [t for t in plugins.names(plugins.TASKS) if labels >= set(plugins.task(t).NEEDS)]
        yield (
            f"sources.{name}.tasks.{task}: dataset {dataset!r} has no {lacking}"
            f"; it can serve: {', '.join(able) or 'nothing'}"
        )


def _task_option_faults(raw: Mapping[str, Any]) -> Iterator[str]:
    """Faults in the options of tasks: names, types, and shares outside 0 to 1."""
    for task, given in _mapping(raw.get("tasks")).items():
        module, fault = _module(plugins.TASKS, str(task))
        if fault:
            yield f"tasks.{task}: {fault}"
            continue
        known = plugins.options(module.ask)
        for key, value in _mapping(given).items():
            if key not in known:
                yield f"tasks.{task}.{key}: unknown key{choices(key, known)}"
            elif isinstance(known[key].default, float) and not _is_share(value):
                yield f"tasks.{task}.{key}: should be a share from 0 to 1, got {_shown(value)}"


def _is_share(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and 0 <= value <= 1


def _module(package: str, name: str) -> tuple[Any, str]:
    """(module, "") or (None, what is wrong with the name)."""
    if plugins.module_name(package, name) is None:
        kind = "dataset" if package == plugins.DATASETS else "task"
        return None, f"unknown {kind} {name!r}{choices(name, plugins.names(package))}"
    try:
        return plugins.resolve(package, name), ""
    except (LookupError, ImportError) as err:
        return None, f"{name!r} cannot be used: {err}"


def _root_faults(raw: Mapping[str, Any], roots: Mapping[str, str]) -> Iterator[str]:
    known = [str(name) for name in _mapping(raw.get("sources"))]
    for name in roots:
        if name not in known:
            yield f"--root {name}: no such source{choices(name, known)}"


def _schema_faults(err: ValidationError) -> Iterator[str]:
    for fault in err.errors():
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            model = Image if fault["loc"][0] == "image" else _Recipe
            yield f"{key}: unknown key{choices(fault['loc'][-1], model.model_fields)}"
        elif fault["type"] == "missing":
            yield f"{key}: missing"
        else:
            message = fault["msg"].replace("Input should be", "should be")
            yield f"{key}: {message}, got {_shown(fault['input'])}"


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(v) for v in value]
    return value


def first_difference(old: Any, new: Any, key: str = "") -> str | None:
    """The first key in which two canonical recipes differ, with both values; None if equal."""
    if isinstance(old, dict) and isinstance(new, dict):
        for part in [*old, *(k for k in new if k not in old)]:
            below = f"{key}.{part}" if key else str(part)
            found = first_difference(old.get(part), new.get(part), below)
            if found:
                return found
        return None if list(old) == list(new) else f"{key}: order {list(old)} -> {list(new)}"
    return None if old == new else f"{key}: {old!r} -> {new!r}"


class _Loader(yaml.SafeLoader):
    """Safe YAML in which numbers with a point are Decimals and a key may stand only once."""


def _decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal | str:
    text = loader.construct_scalar(node)
    try:
        return Decimal(text.replace("_", ""))
    except ArithmeticError:
        return text


def _unique_mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands twice", key_node.start_mark
            )
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:float", _decimal)
_Loader.add_constructor("tag:yaml.org,2002:map", _unique_mapping)
