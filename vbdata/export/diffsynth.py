"""modelscope/DiffSynth-Studio: PART/metadata.jsonl with image, prompt and edit_image.

Paths are relative to PART, which is the trainer's --dataset_base_path. --data_file_keys names the
columns that hold files, --extra_inputs those that the model takes, and every line must have them:
so samples without an input image are a part of their own, with a run of its own. FLUX.1 Kontext
calls the column kontext_images; Qwen-Image-Edit-2509 and later take a list, as the pipeline encodes
a single image with the prompt of the first Qwen-Image-Edit. JSON lines, not CSV, because the
trainer reads CSV with pandas, which takes a prompt such as "None" for a missing value. No masks.

An image up to --max_pixels keeps its size if its sides are multiples of what the model's train.py
states: 16, for HiDream-O1 32. Sources, commit fed7b18 of 2026-08-20: diffsynth/core/data/
unified_dataset.py, operators.py (ImageCropAndResize), diffusion/training_module.py
(parse_extra_inputs), pipelines/qwen_image.py (edit_image); examples/*/model_training/train.py and
lora/*.sh.
"""

from __future__ import annotations

from typing import Any

from vbdata.export.parts.sizes import all_sizes, by_multiples, largest_size
from vbdata.export.parts.types import Item, Layout, Model, Part, Sizes, Summary

TRAINER = "DiffSynth-Studio"
HOMEPAGE = "https://github.com/modelscope/DiffSynth-Studio"
CAPTION_FILES = False
MASKS = False
REFERENCES = True
COLUMN = "edit_image"


def _flux2(size: str) -> Model:
    made, base = f"black-forest-labs/FLUX.2-klein-{size}", f"FLUX.2-klein-base-{size}"
    files = (
        f"{made}:text_encoder/*.safetensors,"
        f"black-forest-labs/{base}:transformer/*.safetensors,"
        f"{made}:vae/diffusion_pytorch_model.safetensors"
    )
    more = f'--tokenizer_path "{made}:tokenizer/" '
    return Model(title=base, settings={"folder": "flux2", "files": files, "more": more})


def _qwen(title: str, more: str = "", *, listed: bool = True) -> Model:
    files = (
        f"Qwen/{title}:transformer/diffusion_pytorch_model*.safetensors,"
        "Qwen/Qwen-Image:text_encoder/model*.safetensors,"
        "Qwen/Qwen-Image:vae/diffusion_pytorch_model.safetensors"
    )
    settings = {"folder": "qwen_image", "files": files, "more": more, "list": listed}
    return Model(title=title, several=listed, settings=settings)


MODELS = {
    "flux1-kontext": Model(
        title="FLUX.1-Kontext-dev",
        settings={
            "folder": "flux",
            "column": "kontext_images",
            "files": "black-forest-labs/FLUX.1-Kontext-dev:flux1-kontext-dev.safetensors,"
            "black-forest-labs/FLUX.1-dev:text_encoder/model.safetensors,"
            "black-forest-labs/FLUX.1-dev:text_encoder_2/*.safetensors,"
            "black-forest-labs/FLUX.1-dev:ae.safetensors",
            "more": "--align_to_opensource_format ",
        },
    ),
    "flux2-klein": _flux2("4B"),
    "flux2-klein-9b": _flux2("9B"),
    "hidream-o1": Model(
        title="HiDream-O1-Image",
        multiple=32,
        settings={
            "folder": "hidream_o1_image",
            "files": "HiDream-ai/HiDream-O1-Image:model-*.safetensors",
            "more": '--processor_config "HiDream-ai/HiDream-O1-Image:./" --noise_scale 8.0 ',
        },
    ),
    "qwen-image-edit": _qwen("Qwen-Image-Edit", listed=False),
    "qwen-image-edit-2509": _qwen("Qwen-Image-Edit-2509"),
    "qwen-image-edit-2511": _qwen("Qwen-Image-Edit-2511", "--zero_cond_t "),
}
ANY = Model(title="a model that edits", settings={"folder": "qwen_image"})


def layout(sizes: Sizes, model: Model) -> Layout:
    """Every size keeps its pixels whose sides are multiples of the model's divisor."""
    return by_multiples(sizes, model)


def line(item: Item, model: Model) -> dict[str, Any]:
    """The item's line in PART/metadata.jsonl: target, caption and, any control images."""
    columns: dict[str, Any] = {"image": item.in_part(item.target), "prompt": item.caption}
    if not item.control:
        return columns
    given = [item.in_part(path) for path in (item.control, *item.references)]
    one = len(given) == 1 and not model.settings.get("list")
    return columns | {_column(model): given[0] if one else given}


def configs(summary: Summary) -> dict[str, str]:
    """No files: this trainer takes everything from its command line, which the README gives."""
    return {}


def howto(summary: Summary) -> str:
    """How to train on each part with DiffSynth-Studio, in Markdown: one command a part."""
    model = summary.layout.model
    if summary.chosen:
        first = (
            f"{model.title}, from the trainer's own folder; FOLDER is this one, and `...` are the "
            f"trainer's options for a LoRA (examples/{model.settings['folder']}/model_training/"
            "lora there):\n\n"
        )
    else:
        first = (
            "With the trainer's own options for a model (examples/qwen_image/model_training there)"
            ":\n\n"
        )
    more = "" if summary.chosen else "; HiDream-O1 wants multiples of 32: export with `--model`"
    return (
        first
        + "\n".join(_command(part, summary) for part in summary.ordered)
        + f"\nImages up to `--max_pixels` whose sides are multiples of {model.multiple} are not "
        f"resized{more}."
    )


def front(summary: Summary) -> str:
    """The empty text: the README of this format needs no front matter."""
    return ""


def _column(model: Model) -> str:
    column: str = model.settings.get("column", COLUMN)
    return column


def _command(part: Part, summary: Summary) -> str:
    model = summary.layout.model
    width, height = largest_size(all_sizes([part]), model.multiple)
    column = _column(model)
    keys, inputs = (
        (f"image,{column}", f'--extra_inputs "{column}" ') if part.control else ("image", "")
    )
    folder, files = f"{'FOLDER/' if summary.chosen else ''}{part.name}", ""
    if summary.chosen:
        given = model.settings
        files = (
            f'    --model_id_with_origin_paths "{given["files"]}" \\\n'
            f"    {given.get('more', '')}--lora_base_model dit --remove_prefix_in_ckpt pipe.dit. "
            "\\\n"
        )
    return (
        f"```sh\naccelerate launch examples/{model.settings['folder']}/model_training/train.py \\\n"
        f"    --dataset_base_path {folder} \\\n"
        f"    --dataset_metadata_path {folder}/metadata.jsonl \\\n"
        + files
        + f'    --data_file_keys "{keys}" {inputs}--max_pixels {width * height} ...\n```\n'
    )
