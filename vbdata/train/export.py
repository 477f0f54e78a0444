"""Trained LoRA in the files that the models' own pipelines read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from vbdata.errors import RecipeError
from vbdata.train.adapters.parts.checkpoint import library
from vbdata.train.adapters.parts.latents import LatentEditor
from vbdata.train.predict import load_trained


def export_lora(trained: Path, out: Path) -> Path:
    """Write a run's LoRA (its moving average) as OUT/pytorch_lora_weights.safetensors.

    The same bytes in every process.

    trained: a checkpoint, or a run, whose best checkpoint is taken. Returns the file's path; then
    `pipeline.load_lora_weights(OUT)`. Raises RecipeError if the model is no released editor, or was
    tuned without LoRA; BuildError if there is no checkpoint.
    """
    config, editor = load_trained(trained, torch.device("cpu"))
    if not isinstance(editor, LatentEditor) or not config.lora.rank:
        raise RecipeError([f"{trained}: only LoRA of a released editor can be exported"])
    from peft import get_peft_model_state_dict

    module: Any = editor.module
    index = editor.checkpoint.settings("", "model_index.json")
    pipeline = getattr(library("diffusers"), index["_class_name"])
    names = {name.split(".lora_")[0] for name, _ in module.named_modules() if ".lora_" in name}
    settings = {
        "r": config.lora.rank,
        "lora_alpha": config.lora.alpha,
        "target_modules": sorted(names),
    }
    pipeline.save_lora_weights(
        out,
        **{
            f"{editor.part}_lora_layers": get_peft_model_state_dict(module),
            f"{editor.part}_lora_adapter_metadata": settings,
        },
    )
    file = out / "pytorch_lora_weights.safetensors"
    _sort_metadata(file)
    return file


def _sort_metadata(file: Path) -> None:
    """Write a safetensors file's metadata in the order of their keys.

    The library writes them in another order in each process (safetensors 0.8), so that equal
    weights would have other bytes. Tensors keep their order and their places.
    """
    data = file.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8:end])
    about = dict(sorted(header.pop("__metadata__", {}).items()))
    text = json.dumps({"__metadata__": about, **header}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8 bytes
    file.write_bytes(len(text).to_bytes(8, "little") + text + data[end:])
