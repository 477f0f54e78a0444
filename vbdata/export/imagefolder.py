"""Hugging Face imagefolder, as diffusers' instruct-pix2pix trainer reads it.

PART/metadata.jsonl, a line a sample: `original_image_file_name` and `edited_image_file_name`, paths
below PART, become the image columns `original_image` and `edited_image`; `edit_prompt` is text, and
so are key, task, source and license. The part without input images has `file_name` and `text`, as
diffusers' text-to-image trainers want them. Parts are configurations of their own, because all
metadata files of one data set must have the same columns.

There are no masks and no samples without an original image: the trainer reads all three columns of
every line. Sources: datasets 5.2, packaged_modules/folder_based_builder (columns ending in
`_file_name`, relative paths only); huggingface/diffusers, examples/instruct_pix2pix
(--train_data_dir is read as imagefolder) and examples/text_to_image.
"""

from __future__ import annotations

import hashlib

import yaml

from vbdata.export._sizes import all_sizes, side
from vbdata.export.options import Item, Summary
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
    """The item's line in PART/metadata.jsonl."""
    facts = {name: getattr(item, name) for name in ("key", "task", "source", "license")}
    if not item.control:
        return {"file_name": item.below(item.target), "text": item.caption} | facts
    return {
        "original_image_file_name": item.below(item.control),
        "edited_image_file_name": item.below(item.target),
        "edit_prompt": item.caption,
    } | facts


def configs(summary: Summary) -> dict[str, str]:
    """None."""
    return {}


def howto(summary: Summary) -> str:
    """How to train with it."""
    size = side(all_sizes(summary.parts.values()))
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
    """Each part as a configuration, the first the default.

    datasets keeps what it has read by the folder's name and a hash of these lines, not of the
    files, so the description names the bytes: else a second export gives the first one's samples.
    """
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
