"""A training run as a YAML file.

Paths are relative to the file. All faults are reported at once, with key, value and known choices.
`run:` says how and how fast to compute, and may change when a run is resumed. All other keys decide
the run's numbers and may not, but for paths: there the digest of what they name counts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vbdata.errors import RecipeError, choices

Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Above = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Aspect = Annotated[str, Field(pattern=r"^[1-9]\d{0,3}:[1-9]\d{0,3}$")]

BUILDS = ("builds", "validation")  # the keys of `data:` that are paths


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(_Section):
    """Keys of `data:`: which builds, at which size, in which mixture.

    mixture: weights (decimals) by "source/task" or by "task"; empty for the builds' own. window:
    the number of batches in which the mixture is exact. size: an image has about size**2 pixels;
    aspects: the shapes (width:height) that it may have. validation: builds whose loss picks the
    best checkpoint, measured on validation_samples of their samples.
    """

    builds: Annotated[list[str], Field(min_length=1)]
    validation: list[str] = []
    validation_samples: Count = 64
    mixture: dict[str, Annotated[str, Field(pattern=r"^\d+(\.\d+)?$")]] = {}
    window: Count = 8
    size: Annotated[int, Field(ge=4, le=8192)] = 256
    aspects: Annotated[list[Aspect], Field(min_length=1)] = ["1:1"]


class Loss(_Section):
    """Keys of `loss:`.

    generative: tasks with the loss on v and never t = 0, as all have that are the other way round
    (TASK-reversed); all others are vision tasks, with the loss on x (see vbdata.train.flow).
    t_zero: share of the vision rows with t = 0; t_mean, t_std: mean and standard deviation of the
    logit of t elsewhere; floor: least 1 - t in the loss on v; drop_*: shares of the rows that lose
    text, image, or both, for classifier-free guidance.
    """

    generative: list[str] = ["generate", "edit"]
    t_zero: Share = 0.5
    t_mean: float = -0.8
    t_std: Above = 0.8
    floor: Annotated[float, Field(gt=0, le=1)] = 0.05
    drop_text: Share = 0.05
    drop_image: Share = 0.05
    drop_both: Share = 0.05

    @model_validator(mode="after")
    def _shares(self) -> Loss:
        if self.drop_text + self.drop_image + self.drop_both > 1:
            raise ValueError("drop_text + drop_image + drop_both is above 1")
        return self


class Optim(_Section):
    """Keys of `optim:`, which set AdamW.

    warmup: steps of the linear warm-up; decay: with the schedule wsd, the last share of the steps,
    in which the rate falls to 0; clip: largest norm of the gradient; ema: decay per step of the
    moving average of the weights.
    """

    lr: Above = 3e-4
    betas: tuple[Share, Share] = (0.9, 0.95)
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    warmup: Whole = 100
    schedule: Literal["cosine", "wsd", "constant"] = "cosine"
    decay: Share = 0.2
    clip: Above = 1.0
    ema: Share = 0.999


class Lora(_Section):
    """Keys of `lora:`.

    rank: 0 trains all weights instead; targets: a regular expression that matches, in full, the
    names of the linear layers that get adapters.
    """

    rank: Whole = 0
    alpha: Count = 16
    targets: str = r".*\.(qkv|q|kv|out|up|down)"


class Run(_Section):
    """Keys of `run:`: how and how fast to compute. All may change when a run is resumed.

    workers: reading threads; prefetch: steps read ahead; cache_gb: gigabytes of decoded samples
    kept in memory; resident: read all samples before the first step and keep them on the training
    device; micro: samples in one forward pass (0 for all of the process); threads: torch's threads
    in each process (their number changes rounding); stop: end this session once so many steps are
    done in all (0: once all are); keep: number of newest checkpoints to keep; *_every: in steps, 0
    for never; grid: rows in the picture of samples; grid_steps: steps of its sampler; wandb: true,
    or the name of a project (WANDB_MODE=offline keeps it on this machine).
    """

    workers: Whole = 1
    prefetch: Count = 2
    cache_gb: Annotated[float, Field(ge=0)] = 1.0
    resident: bool = False
    micro: Whole = 0
    device: str = "auto"
    threads: Count = 1
    parallel: Literal["ddp", "fsdp"] = "ddp"
    deterministic: bool = True
    compile: bool = False
    recompute: bool = False
    stop: Whole = 0
    log_every: Count = 10
    save_every: Whole = 500
    keep: Count = 2
    validate_every: Whole = 500
    grid_every: Whole = 500
    grid: Count = 6
    grid_steps: Count = 20
    tensorboard: bool = True
    wandb: bool | str = False


class Config(_Section):
    """A whole run.

    steps: steps to train, in all sessions; batch: samples of a step, over all processes and
    micro-batches; init: a checkpoint or run to start from; model: `kind` and the options of that
    adapter, whose `path` and `cache` decide no number (the weights' digest does).
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    steps: Count
    batch: Count
    precision: Literal["bf16", "fp32"] = "bf16"
    init: str = ""
    data: Data
    model: dict[str, Any] = {"kind": "flow"}
    lora: Lora = Lora()
    loss: Loss = Loss()
    optim: Optim = Optim()
    run: Run = Run()

    def identity(self) -> dict[str, Any]:
        """Return what decides the numbers, as JSON values: no `run`, no paths."""
        plain: dict[str, Any] = self.model_dump(mode="json", exclude={"run", "init"})
        for section, keys in ("data", BUILDS), ("model", ("path", "cache")):
            plain[section] = {k: v for k, v in plain[section].items() if k not in keys}
        return plain

    def digest(self) -> str:
        """Return the SHA-256 of the identity, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read and check a config file. Raises RecipeError, with all faults.

    overrides: such as "optim.lr=1e-4": a key, with dots, and a value in YAML.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise RecipeError([f"{path}: cannot be read: {err.strerror}"]) from err
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as err:
        raise RecipeError([f"{path}: not valid YAML: {err}"]) from err
    if not isinstance(raw, dict):
        raise RecipeError([f"{path}: a config is a mapping of keys, got {type(raw).__name__}"])
    for override in overrides:
        _override(raw, override)
    return check_config(raw, path.parent, str(path))


def check_config(raw: Mapping[str, Any], folder: Path, name: str = "config") -> Config:
    """Check a config's mapping and resolve its paths against a folder.

    name: what messages call the config. Raises RecipeError, with all faults.
    """
    try:
        config = Config.model_validate(_texts(raw))
    except ValidationError as err:
        raise RecipeError([f"{name}: {fault}" for fault in _faults(err)]) from err
    data = {key: [_beside(folder, p) for p in getattr(config.data, key)] for key in BUILDS}
    resolved = {
        "init": _beside(folder, config.init) if config.init else "",
        "data": config.data.model_copy(update=data),
        "model": _model_beside(folder, config.model),
    }
    return config.model_copy(update=resolved)


def _model_beside(folder: Path, model: Mapping[str, Any]) -> dict[str, Any]:
    """A model's options with its paths resolved. Values of other types are refused by make_editor,
    which knows the kind's options.
    """
    resolved = dict(model)
    if resolved.get("path") and isinstance(resolved["path"], str):
        resolved["path"] = _beside(folder, resolved["path"])
    cache = resolved.get("cache")
    if isinstance(cache, Mapping) and cache.get("folder") and isinstance(cache["folder"], str):
        resolved["cache"] = {**cache, "folder": _beside(folder, cache["folder"])}
    return resolved


def _override(raw: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    parts = key.split(".")
    if not equals or not all(parts):
        raise RecipeError([f"--set {override}: expected key=value, such as optim.lr=1e-4"])
    for part in parts[:-1]:
        raw = raw.setdefault(part, {})
        if not isinstance(raw, dict):
            raise RecipeError([f"--set {override}: {part} is a value, not a mapping of keys"])
    try:
        raw[parts[-1]] = yaml.safe_load(text)
    except yaml.YAMLError as err:
        raise RecipeError([f"--set {override}: not valid YAML: {err}"]) from err


def _texts(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Weights as texts, for they are exact decimals; texts such as 1e-4, in which YAML 1.1 sees no
    number, as floats.
    """
    plain = {key: _numbers(value) for key, value in raw.items()}
    data = plain.get("data")
    if isinstance(data, dict) and isinstance(data.get("mixture"), dict):
        plain["data"] = data | {"mixture": {k: str(v) for k, v in data["mixture"].items()}}
    return plain


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(below) for key, below in value.items()}
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", value):
        return float(value)
    return value


def _faults(err: ValidationError) -> Iterator[str]:
    for fault in err.errors():
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            yield f"{key}: unknown key{choices(fault['loc'][-1], _known(fault['loc'][:-1]))}"
        elif fault["type"] == "missing":
            yield f"{key}: missing"
        else:
            reason = fault["msg"].replace("Input should be", "should be")
            yield f"{key or 'config'}: {reason}, got {str(fault['input'])[:80]!r}"


def _known(loc: Sequence[int | str]) -> list[str]:
    model: Any = Config
    for part in loc:
        annotation = model.model_fields[str(part)].annotation
        model = next((a for a in get_args(annotation) if isinstance(a, type)), annotation)
    return list(model.model_fields)


def _beside(folder: Path, path: str) -> str:
    return path if "://" in path else str((folder / Path(path).expanduser()).resolve())
