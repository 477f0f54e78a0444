"""Trained adapters as the models' own pipelines read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from vbdata.errors import RecipeError
from vbdata.train.adapters import _shared
from vbdata.train.predict import load_trained


def export_lora(trained: Path, out: Path) -> Path:
    """A checkpoint's or run's LoRA (moving average) as OUT/pytorch_lora_weights.safetensors.

    Then `pipeline.load_lora_weights(OUT)`. Raises RecipeError if the model is no real editor, or
    was tuned as a whole.
    """
    config, editor = load_trained(trained, torch.device("cpu"))
    if not isinstance(editor, _shared.LatentEditor) or not config.lora.rank:
        raise RecipeError([f"{trained}: only LoRA of a real editor can be exported"])
    from peft import get_peft_model_state_dict

    module: Any = editor.module
    index = editor.checkpoint.settings("", "model_index.json")
    pipeline = getattr(_shared.library("diffusers"), index["_class_name"])
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
