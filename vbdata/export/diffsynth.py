"""modelscope/DiffSynth-Studio: PART/metadata.jsonl with image, prompt and edit_image.

Paths are below PART, which is the trainer's --dataset_base_path. The columns that hold files are
named by --data_file_keys, those that are inputs of the model by --extra_inputs, and every line must
have them: samples without an input image are a part of their own. JSON lines and not CSV, because
the CSV is read by pandas, to which a prompt such as "None" is no text. No masks. Sources: diffsynth
2.1 (PyPI) core/data/unified_dataset.py, diffusion/training_module.py (parse_extra_inputs);
examples/qwen_image/model_training/lora/Qwen-Image-Edit.sh of the repository.
"""

from __future__ import annotations

from vbdata.export._sizes import all_sizes, largest
from vbdata.export.options import Item, Part, Summary

TRAINER = "DiffSynth-Studio"
HOMEPAGE = "https://github.com/modelscope/DiffSynth-Studio"
CAPTION_FILES = False
MASKS = False


def line(item: Item) -> dict[str, str]:
    """The item's line in PART/metadata.jsonl."""
    found = {"image": item.below(item.target), "prompt": item.caption}
    return found | ({"edit_image": item.below(item.control)} if item.control else {})


def configs(summary: Summary) -> dict[str, str]:
    """None: the trainer is told by its command line."""
    return {}


def howto(summary: Summary) -> str:
    """How to train with it."""
    return (
        "With the trainer's own options for a model (examples/qwen_image/model_training there):\n\n"
        + "\n".join(_command(part) for part in summary.ordered)
        + "\nImages up to `--max_pixels` whose sides are multiples of 16 are not resized."
    )


def front(summary: Summary) -> str:
    """Nothing."""
    return ""


def _command(part: Part) -> str:
    width, height = largest(all_sizes([part]))
    keys, more = (
        ("image,edit_image", '--extra_inputs "edit_image" ') if part.control else ("image", "")
    )
    return (
        "```sh\naccelerate launch examples/qwen_image/model_training/train.py \\\n"
        f"    --dataset_base_path {part.name} \\\n"
        f"    --dataset_metadata_path {part.name}/metadata.jsonl \\\n"
        f'    --data_file_keys "{keys}" {more}--max_pixels {width * height} ...\n```\n'
    )
