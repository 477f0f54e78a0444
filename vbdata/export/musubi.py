"""kohya-ss/musubi-tuner: PART/metadata.jsonl with image_path, control_path and caption; TOML.

Paths are relative to the exported folder, in which the trainer must be run. Edit models want a
control image for every image ("requires exactly one control content per item"), so samples without
one have a config of their own, for text-to-image training. enable_bucket with bucket_no_upscale at
the largest size keeps images as they are; control images take the target's size. No masks. Sources:
kohya-ss/musubi-tuner docs/dataset_config.md, src/musubi_tuner/dataset/config_utils.py (keys and
types), datasources.py (ImageJsonlDatasource), flux_kontext_cache_latents.py.
"""

from __future__ import annotations

from vbdata.export.parts.sizes import all_sizes, largest_size
from vbdata.export.parts.toml import toml
from vbdata.export.parts.types import Item, Part, Summary

TRAINER = "musubi-tuner"
HOMEPAGE = "https://github.com/kohya-ss/musubi-tuner"
CAPTION_FILES = False
MASKS = False
COMMANDS = (
    "python $MUSUBI/qwen_image_cache_latents.py",
    "python $MUSUBI/qwen_image_cache_text_encoder_outputs.py",
    "accelerate launch $MUSUBI/qwen_image_train_network.py",
)
PAIRED, ALONE = "dataset.toml", "dataset-text2image.toml"


def line(item: Item) -> dict[str, str]:
    """The item's line in PART/metadata.jsonl: target, caption and, if it has one, control image."""
    control = {"control_path": item.control} if item.control else {}
    return {"image_path": item.target, **control, "caption": item.caption}


def configs(summary: Summary) -> dict[str, str]:
    """The configs by path: one of the parts with control images, one of those without."""
    texts = {}
    for path, control in ((PAIRED, True), (ALONE, False)):
        parts = [part for part in summary.ordered if part.control is control]
        if parts:
            texts[path] = _config(parts)
    return texts


def howto(summary: Summary) -> str:
    """How to cache and to train on the folder with musubi-tuner, in Markdown."""
    lines = [
        "Cache, then train, with the trainer's options for a model (docs/qwen_image.md, "
        "docs/flux_kontext.md there); paths are relative to this folder, so run there:\n",
        "```sh\ncd THIS_FOLDER\nMUSUBI=/path/to/musubi-tuner/src/musubi_tuner",
        *(f"{command} --dataset_config {PAIRED} --edit ..." for command in COMMANDS),
        "```",
    ]
    if any(not part.control for part in summary.ordered):
        lines.append(f"\n`{ALONE}` is for text-to-image models (without `--edit`).")
    return "\n".join(lines)


def front(summary: Summary) -> str:
    """The empty text: the README of this format needs no front matter."""
    return ""


def _config(parts: list[Part]) -> str:
    general = {
        "resolution": list(largest_size(all_sizes(parts))),
        "batch_size": 1,
        "enable_bucket": True,
        "bucket_no_upscale": True,
    }
    datasets = [
        {"image_jsonl_file": f"{p.name}/metadata.jsonl", "cache_directory": f"{p.name}/cache"}
        for p in parts
    ]
    listed = (f"\n[[datasets]]\n{toml(each | {'num_repeats': 1})}" for each in datasets)
    return f"[general]\n{toml(general)}" + "".join(listed)
