"""Trained LoRA in the files that the models' own pipelines read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from vbdata.errors import RecipeError
from vbdata.train.adapters.parts.checkpoint import library
from vbdata.train.adapters.parts.latents import LatentEditor
from vbdata.train.predict import load_trained


def export_lora(trained: Path, out: Path) -> Path:
    """Write a run's LoRA (its moving average) as OUT/pytorch_lora_weights.safetensors.

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
    return out / "pytorch_lora_weights.safetensors"
