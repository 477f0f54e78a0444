"""ostris/ai-toolkit: targets with .txt captions, control images and masks of the same file names.

`datasets` of config.yaml has an entry a part: folder_path, control_path, mask_path, caption_ext.
The control folder lies beside the targets, never below, because the trainer finds images at any
depth. Parts without control images are in the same list; batches are made inside a part, so one
training reads both. Sources:
ostris/ai-toolkit config/examples/train_lora_flux_kontext_24gb.yaml, toolkit/data_loader.py
(AiToolkitDataset), toolkit/dataloader_mixins.py (control images and masks by the stem).
"""

from __future__ import annotations

from typing import Any

import yaml

from vbdata.export.parts.sizes import all_sizes, square_side
from vbdata.export.parts.types import Item, Part, Summary

TRAINER = "ai-toolkit"
HOMEPAGE = "https://github.com/ostris/ai-toolkit"
CAPTION_FILES = True
MASKS = True
CONFIG = "config.yaml"


def line(item: Item) -> None:
    """None: this trainer reads captions from .txt files and has no metadata.jsonl."""
    return


def configs(summary: Summary) -> dict[str, str]:
    """config.yaml, a whole job by path: the parts as its datasets, a model for the user to change.

    `resolution` is the side of a square that no image of the part exceeds in area: the trainer
    shrinks only what is larger.
    """
    process = {
        "type": "sd_trainer",
        "training_folder": "output",
        "device": "cuda:0",
        "network": {"type": "lora", "linear": 16, "linear_alpha": 16},
        "save": {"dtype": "bf16", "save_every": 500, "max_step_saves_to_keep": 4},
        "datasets": [_dataset(part, square_side(all_sizes([part]))) for part in summary.ordered],
        "train": {
            "batch_size": 1,
            "steps": 3000,
            "gradient_accumulation_steps": 1,
            "train_unet": True,
            "train_text_encoder": False,
            "gradient_checkpointing": True,
            "noise_scheduler": "flowmatch",
            "optimizer": "adamw8bit",
            "lr": 1e-4,
            "timestep_type": "weighted",
            "disable_sampling": True,
            "dtype": "bf16",
        },
        "model": {
            "name_or_path": "black-forest-labs/FLUX.1-Kontext-dev",
            "arch": "flux_kontext",
            "quantize": True,
        },
    }
    job = {"job": "extension", "config": {"name": summary.name, "process": [process]}}
    return {CONFIG: yaml.safe_dump(job | {"meta": {"name": "[name]"}}, sort_keys=False)}


def howto(summary: Summary) -> str:
    """How to train on the folder with ai-toolkit, in Markdown."""
    return (
        "Choose the model in `config.yaml`. Paths are relative to this folder, so run there:\n\n"
        f"```sh\ncd THIS_FOLDER\npython /path/to/ai-toolkit/run.py $PWD/{CONFIG}\n```\n\n"
        "Leave caption dropout, token shuffling, flips and colour jitter off, as they are there: "
        "captions state the colours of the target."
    )


def front(summary: Summary) -> str:
    """The empty text: the README of this format needs no front matter."""
    return ""


def _dataset(part: Part, resolution: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"folder_path": f"{part.name}/target"}
    if part.control:
        entry["control_path"] = f"{part.name}/control"
    if part.mask:
        entry |= {"mask_path": f"{part.name}/mask", "mask_min_value": 0.0}
    return entry | {
        "caption_ext": "txt",
        "caption_dropout_rate": 0.0,
        "shuffle_tokens": False,
        "cache_latents_to_disk": True,
        "resolution": [resolution],
    }
