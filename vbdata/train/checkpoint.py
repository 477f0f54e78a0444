"""Checkpoints: written under a temporary name, synced and renamed, so none is seen half-written.

    RUN/checkpoints/step-00000500/
      state/              parameters, moving average, AdamW, as torch.distributed.checkpoint shards:
                          any number of processes can go on from them (it unpickles: only resume
                          from checkpoints of your own)
      model.safetensors   the moving average of what is trained, for use
      meta.json           step, config, digests, sizes of the files
    RUN/best.json         the step with the least validation loss, which is never deleted

RUN is a folder that all processes see. What a crash of the machine leaves incomplete all the same
is recognised by the sizes in meta.json and passed over.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vbdata.errors import BuildError
from vbdata.machine.hashing import file_sha256
from vbdata.recipe.canonical import first_difference
from vbdata.train.adapter import Editor
from vbdata.train.parallel import World, unsharded

META, MODEL, BEST = "meta.json", "model.safetensors", "best.json"
State = Mapping[str, Mapping[str, Tensor]]


def save(
    run: Path, step: int, state: State, export: Mapping[str, Tensor], meta: Mapping[str, Any],
    world: World,
) -> Path:  # fmt: skip
    """Write the checkpoint of a step and return its folder; all processes call it.

    state: the tensors to resume from, by section and name; export: those of model.safetensors, by
    parameter name; meta: JSON values.
    """
    # Imported here: it takes as long as all the rest of torch.
    from torch.distributed.checkpoint.state_dict_saver import save as save_shards

    final = run / "checkpoints" / f"step-{step:08d}"
    part = final.with_name(f".{final.name}.part")
    if world.first:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
    world.wait()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of a single process without a group
        save_shards(dict(state), checkpoint_id=part / "state", no_dist=world.size == 1)
    _export(part / MODEL, export, world)
    world.wait()
    if world.first:
        sizes = {name: (part / name).stat().st_size for name in _files(part)}
        text = json.dumps({**meta, "step": step, "files": sizes}, indent=1)
        (part / META).write_text(text + "\n")
        _sync(part)
        if final.exists():  # an incomplete one of the same name, which resuming passed over
            shutil.rmtree(final)
        part.rename(final)
        _sync_one(final.parent)
    world.wait()
    return final


def _export(path: Path, export: Mapping[str, Tensor], world: World) -> None:
    from safetensors.torch import save_file

    full = {}
    for name, sharded in export.items():
        tensor = unsharded(sharded)  # a collective call, so all processes make it
        if world.first:
            full[name] = tensor.cpu().contiguous()
    if world.first:
        save_file(full, path)


def _files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != META:
            yield str(path.relative_to(folder))


def _sync(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        _sync_one(path)


def _sync_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def complete(run: Path) -> list[Path]:
    """List a run's complete checkpoints, oldest first."""
    folders = sorted((run / "checkpoints").glob("step-*"))
    return [path for path in folders if read_meta(path) is not None]


def read_meta(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint's meta.json; None if the checkpoint is incomplete.

    It is if a file is missing or has another size than meta.json says.
    """
    try:
        meta: dict[str, Any] = json.loads((path / META).read_text())
        sizes = {name: (path / name).stat().st_size for name in meta["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return meta if sizes == meta["files"] and MODEL in sizes else None


def load(path: Path, state: State, identity: Mapping[str, Any], world: World) -> dict[str, Any]:
    """Read a checkpoint into the tensors of the state and return its meta; all processes call it.

    Raises BuildError if it is incomplete, or belongs to another run: the message names the first
    key of `identity` that differs.
    """
    from torch.distributed.checkpoint.state_dict_loader import load as load_shards

    meta = read_meta(path)
    if meta is None:
        raise BuildError(f"{path} is no complete checkpoint")
    different = first_difference(meta["identity"], identity)
    if different:
        raise BuildError(
            f"{path} belongs to another run: {different}. Put the old value back, or choose "
            "another folder (only keys below run: may change)"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load_shards(dict(state), checkpoint_id=path / "state", no_dist=world.size == 1)
    return meta


def prune(run: Path, keep: int, best: float | None, world: World) -> None:
    """Delete all checkpoints but the `keep` newest and the best.

    best: the newest checkpoint's validation loss if that is the least so far: it is then recorded
    in best.json first. None otherwise.
    """
    if world.first:
        if best is not None:
            _mark_best(run, int(complete(run)[-1].name.removeprefix("step-")), best)
        best_step = best_of(run).get("step")
        for path in complete(run)[:-keep]:
            if path.name != f"step-{best_step or 0:08d}":
                shutil.rmtree(path)


def best_of(run: Path) -> dict[str, Any]:
    """Read best.json, {"step", "loss"}; {} if there is none."""
    try:
        best: dict[str, Any] = json.loads((run / BEST).read_text())
    except (OSError, ValueError):
        return {}
    return best


def _mark_best(run: Path, step: int, loss: float) -> None:
    part = run / f".{BEST}.part"
    part.write_text(json.dumps({"step": step, "loss": loss}) + "\n")
    part.replace(run / BEST)


def find(path: Path) -> Path:
    """Return the path if it is a checkpoint; of a run, the best checkpoint, or else its newest.

    Raises BuildError if there is no complete one.
    """
    best = path / "checkpoints" / f"step-{best_of(path).get('step', 0):08d}"
    for candidate in (path, best, *reversed(complete(path))):
        if read_meta(candidate) is not None:
            return candidate
    raise BuildError(f"{path} is no checkpoint and no run that holds a complete one")


def load_model(path: Path, editor: Editor) -> None:
    """Put a checkpoint's exported weights into a model. Raises BuildError if they do not fit."""
    from safetensors.torch import load_file

    values = load_file(path / MODEL)
    own = dict(editor.module.named_parameters())
    wrong = [n for n in values if n not in own or own[n].shape != values[n].shape]
    lacking = [n for n, p in own.items() if p.requires_grad and n not in values]
    if wrong or lacking:
        raise BuildError(f"{path}: not the weights of this model: {(wrong or lacking)[0]}")
    with torch.no_grad():
        for name, value in values.items():
            own[name].copy_(value)


def model_digest(path: Path) -> str:
    """Return the SHA-256 of a checkpoint's exported weights, in hexadecimal."""
    return file_sha256(path / MODEL)
