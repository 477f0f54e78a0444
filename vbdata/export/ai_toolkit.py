"""ostris/ai-toolkit: targets with .txt captions, control images and masks of the same file names.

`datasets` of config.yaml has an entry a part: folder_path, control_path, mask_path, caption_ext.
The control folder lies beside the targets, never below, because the trainer finds images at any
depth. Parts without control images are in the same list; batches are made inside a part, so one
training reads both, unless the model cannot be trained without a control image.

An image gets a bucket of its own size if its area is at most `resolution` squared and its sides are
multiples of the model's divisor: 16 for FLUX, 32 for Qwen-Image and its editors. Sources, commit
27a03a9 of 2026-08-21: config/examples/train_lora_flux_kontext_24gb.yaml,
train_lora_qwen_image_edit_2509_32gb.yaml; toolkit/buckets.py, toolkit/data_loader.py
(AiToolkitDataset), toolkit/dataloader_mixins.py (BucketsMixin; control images and masks by the
stem); get_bucket_divisibility and get_prompt_embeds of extensions_built_in/diffusion_models
(flux_kontext, flux2, qwen_image); ui/src/app/jobs/new/options.tsx (names of models).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import yaml

from vbdata.export.parts.sizes import all_sizes, by_multiples, square_side
from vbdata.export.parts.types import Item, Layout, Model, Part, Sizes, Summary

TRAINER = "ai-toolkit"
HOMEPAGE = "https://github.com/ostris/ai-toolkit"
CAPTION_FILES = True
MASKS = True
REFERENCES = True
CONFIG = "config.yaml"


def _flux2(title: str, arch: str) -> Model:
    name = f"black-forest-labs/{title}"
    big = {"quantize": True, "quantize_te": True, "low_vram": True}
    return Model(title=title, settings={"name_or_path": name, "arch": arch} | big)


def _qwen(title: str, arch: str) -> Model:
    big = {"quantize": True, "quantize_te": True, "low_vram": True}
    settings = {"name_or_path": f"Qwen/{title}", "arch": arch} | big
    several = arch != "qwen_image_edit"
    return Model(title=title, multiple=32, alone=False, several=several, settings=settings)


KONTEXT = Model(
    title="FLUX.1-Kontext-dev",
    several=False,
    settings={
        "name_or_path": "black-forest-labs/FLUX.1-Kontext-dev",
        "arch": "flux_kontext",
        "quantize": True,
    },
)
MODELS = {
    "flux1-kontext": KONTEXT,
    "flux2-dev": _flux2("FLUX.2-dev", "flux2"),
    "flux2-klein": _flux2("FLUX.2-klein-base-4B", "flux2_klein_4b"),
    "flux2-klein-9b": _flux2("FLUX.2-klein-base-9B", "flux2_klein_9b"),
    "qwen-image-edit": _qwen("Qwen-Image-Edit", "qwen_image_edit"),
    "qwen-image-edit-2509": _qwen("Qwen-Image-Edit-2509", "qwen_image_edit_plus"),
    "qwen-image-edit-2511": _qwen("Qwen-Image-Edit-2511", "qwen_image_edit_plus:2511"),
}
ANY = replace(KONTEXT, several=True)  # config.yaml names it until a user changes that


def layout(sizes: Sizes, model: Model) -> Layout:
    """Every size keeps its pixels whose sides are multiples of the model's divisor."""
    return by_multiples(sizes, model)


def line(item: Item, model: Model) -> None:
    """None: this trainer reads captions from .txt files and has no metadata.jsonl."""
    return


def configs(summary: Summary) -> dict[str, str]:
    """config.yaml, a whole job by path: the parts as its datasets, the model, a LoRA of it.

    `resolution` is the side of a square that no image of the part exceeds in area: the trainer
    shrinks only what is larger.
    """
    model = summary.layout.model
    datasets = [
        _dataset(part, square_side(all_sizes([part]), model.multiple)) for part in summary.ordered
    ]
    process = {
        "type": "sd_trainer",
        "training_folder": "output",
        "device": "cuda:0",
        "network": {"type": "lora", "linear": 16, "linear_alpha": 16},
        "save": {"dtype": "bf16", "save_every": 500, "max_step_saves_to_keep": 4},
        "datasets": datasets,
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
        "model": dict(model.settings),
    }
    job = {"job": "extension", "config": {"name": summary.name, "process": [process]}}
    return {CONFIG: yaml.safe_dump(job | {"meta": {"name": "[name]"}}, sort_keys=False)}


def howto(summary: Summary) -> str:
    """How to train on the folder with ai-toolkit, in Markdown."""
    multiple, title = summary.layout.model.multiple, summary.layout.model.title
    chosen = f"`{CONFIG}` trains {title}" if summary.chosen else f"Choose the model in `{CONFIG}`"
    return (
        f"{chosen}. Paths are relative to this folder, so run there:\n\n"
        f"```sh\ncd THIS_FOLDER\npython /path/to/ai-toolkit/run.py $PWD/{CONFIG}\n```\n\n"
        "Leave caption dropout, token shuffling, flips and colour jitter off, as they are there: "
        "captions state the colours of the target. The trainer keeps the size of a target whose "
        f"sides are multiples of {multiple} pixels and whose area is at most `resolution` squared"
        + ("." if summary.chosen else "; Qwen-Image wants multiples of 32: export with `--model`.")
    )


def front(summary: Summary) -> str:
    """The empty text: the README of this format needs no front matter."""
    return ""


def _dataset(part: Part, resolution: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"folder_path": f"{part.name}/target"}
    if part.control:
        folders = [f"reference{number}" for number in range(1, 1 + part.references)]
        paths = [f"{part.name}/{folder}" for folder in ("control", *folders)]
        entry["control_path"] = paths if part.references else paths[0]
    if part.mask:
        entry |= {"mask_path": f"{part.name}/mask", "mask_min_value": 0.0}
    return entry | {
        "caption_ext": "txt",
        "caption_dropout_rate": 0.0,
        "shuffle_tokens": False,
        "cache_latents_to_disk": True,
        "resolution": [resolution],
    }
