"""Hugging Face imagefolder, as diffusers' instruct-pix2pix trainer reads it.

PART/metadata.jsonl has a line a sample: `original_image_file_name` and `edited_image_file_name`,
relative to PART, become the image columns `original_image` and `edited_image`; `edit_prompt`, key,
task, source and license are texts. The part without input images has `file_name` and `text`, as
diffusers' text-to-image trainers want them. Each part is a configuration of its own, because all
metadata files of one dataset must have the same columns. No masks: the trainer reads none. Sources:
datasets 5.2, packaged_modules/folder_based_builder (columns ending in `_file_name`, relative paths
only); huggingface/diffusers, examples/instruct_pix2pix (--train_data_dir is read as imagefolder)
and examples/text_to_image.
"""

from __future__ import annotations

import hashlib

import yaml

from vbdata.export.parts.sizes import all_sizes, square_side
from vbdata.export.parts.types import Item, Summary
from vbdata.manifest.json_text import canonical

TRAINER = "diffusers (imagefolder)"
HOMEPAGE = "https://huggingface.co/docs/datasets/image_dataset"
CAPTION_FILES = False
MASKS = False

PAIRED = """\
```sh
accelerate launch diffusers/examples/instruct_pix2pix/train_instruct_pix2pix.py \\
    --pretrained_model_name_or_path MODEL --train_data_dir {part} --resolution {side} \\
    --original_image_column original_image --edited_image_column edited_image \\
    --edit_prompt_column edit_prompt --conditioning_dropout_prob 0.05
```
"""
ALONE = """\
```sh
accelerate launch diffusers/examples/text_to_image/train_text_to_image_lora.py \\
    --pretrained_model_name_or_path MODEL --train_data_dir {part} --resolution {side} \\
    --image_column image --caption_column text
```
"""


def line(item: Item) -> dict[str, str]:
    """The item's line in PART/metadata.jsonl: images, caption, key, task, source, licence."""
    facts = {name: getattr(item, name) for name in ("key", "task", "source", "license")}
    if not item.control:
        return {"file_name": item.in_part(item.target), "text": item.caption} | facts
    return {
        "original_image_file_name": item.in_part(item.control),
        "edited_image_file_name": item.in_part(item.target),
        "edit_prompt": item.caption,
    } | facts


def configs(summary: Summary) -> dict[str, str]:
    """No files: `datasets` finds the parts by the front matter of the README."""
    return {}


def howto(summary: Summary) -> str:
    """How to load and to train on each part with datasets and diffusers, in Markdown."""
    size = square_side(all_sizes(summary.parts.values()))
    commands = [
        (PAIRED if part.control else ALONE).format(part=part.name, side=size)
        for part in summary.ordered
    ]
    return "\n".join(
        [
            'In Python: `datasets.load_dataset("/path/to/this/folder", '
            f'"{summary.ordered[0].name}", split="train")`, or the name of another part.\n',
            *commands,
            "This trainer resizes every image to a square of `--resolution`; colours survive that "
            "only if images have this size already.",
        ]
    )


def front(summary: Summary) -> str:
    """YAML front matter that makes each part a configuration, the first of them the default."""
    # datasets caches by the folder's name and a hash of these lines, not of the files. The
    # description names the bytes; without it, another export to the same place would yield the
    # samples of the first.
    made = hashlib.sha256(canonical(dict(summary.order))).hexdigest()
    listed = [
        {
            "config_name": part.name,
            "data_dir": part.name,
            "default": number == 0,
            "description": f"vbdata export {made}",
        }
        for number, part in enumerate(summary.ordered)
    ]
    return f"---\n{yaml.safe_dump({'license': 'other', 'configs': listed}, sort_keys=False)}---\n"
