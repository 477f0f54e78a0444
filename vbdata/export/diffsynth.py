"""modelscope/DiffSynth-Studio: PART/metadata.jsonl with image, prompt and edit_image.

Paths are relative to PART, which is the trainer's --dataset_base_path. --data_file_keys names the
columns that hold files, --extra_inputs those that the model takes, and every line must have them:
so samples without an input image are a part of their own. JSON lines, not CSV, because the trainer
reads CSV with pandas, which takes a prompt such as "None" for a missing value. No masks. Sources:
diffsynth 2.1 (PyPI) core/data/unified_dataset.py, diffusion/training_module.py
(parse_extra_inputs); examples/qwen_image/model_training/lora/Qwen-Image-Edit.sh of the repository.
"""

from __future__ import annotations

from vbdata.export.parts.sizes import all_sizes, largest_size
from vbdata.export.parts.types import Item, Part, Summary

TRAINER = "DiffSynth-Studio"
HOMEPAGE = "https://github.com/modelscope/DiffSynth-Studio"
CAPTION_FILES = False
MASKS = False


def line(item: Item) -> dict[str, str]:
    """The item's line in PART/metadata.jsonl: target, caption and, if it has one, control image."""
    columns = {"image": item.in_part(item.target), "prompt": item.caption}
    return columns | ({"edit_image": item.in_part(item.control)} if item.control else {})


def configs(summary: Summary) -> dict[str, str]:
    """No files: this trainer takes everything from its command line, which the README gives."""
    return {}


def howto(summary: Summary) -> str:
    """How to train on each part with DiffSynth-Studio, in Markdown: one command a part."""
    return (
        "With the trainer's own options for a model (examples/qwen_image/model_training there):\n\n"
        + "\n".join(_command(part) for part in summary.ordered)
        + "\nImages up to `--max_pixels` whose sides are multiples of 16 are not resized."
    )


def front(summary: Summary) -> str:
    """The empty text: the README of this format needs no front matter."""
    return ""


def _command(part: Part) -> str:
    width, height = largest_size(all_sizes([part]))
    keys, more = (
        ("image,edit_image", '--extra_inputs "edit_image" ') if part.control else ("image", "")
    )
    return (
        "```sh\naccelerate launch examples/qwen_image/model_training/train.py \\\n"
        f"    --dataset_base_path {part.name} \\\n"
        f"    --dataset_metadata_path {part.name}/metadata.jsonl \\\n"
        f'    --data_file_keys "{keys}" {more}--max_pixels {width * height} ...\n```\n'
    )
