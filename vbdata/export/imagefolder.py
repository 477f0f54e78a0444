"""Hugging Face imagefolder, as diffusers' training scripts read it.

PART/metadata.jsonl has a line a sample: `original_image_file_name` and `edited_image_file_name`,
relative to PART, become the image columns `original_image` and `edited_image`; `edit_prompt`, key,
task, source and license are texts. The part without input images has `file_name` and `text`, as
diffusers' text-to-image trainers want them. Each part is a configuration of its own, because all
metadata files of one dataset must have the same columns. No masks: the scripts read none.

`datasets` hands every image over as it is. The scripts do not: instruct_pix2pix makes each a square
of --resolution, and those of FLUX give each the bucket of the nearest aspect ratio, so of sizes of
one ratio only one can be a bucket. Sources: datasets 5.2, packaged_modules/folder_based_builder
(columns ending in `_file_name`, relative paths only); huggingface/diffusers, commit 58eb52c of
2026-08-23: examples/instruct_pix2pix (convert_to_np; --train_data_dir is read as imagefolder),
examples/text_to_image, examples/dreambooth (DreamBoothDataset, BucketBatchSampler),
src/diffusers/training_utils.py (parse_buckets_string, find_nearest_bucket).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from fractions import Fraction

import yaml

from vbdata.export.parts.sizes import all_sizes, by_multiples, most_frequent, square_side
from vbdata.export.parts.types import Item, Layout, Model, Part, Size, Sizes, Summary
from vbdata.manifest.json_text import canonical

TRAINER = "diffusers (imagefolder)"
HOMEPAGE = "https://huggingface.co/docs/datasets/image_dataset"
CAPTION_FILES = False
MASKS = False
REFERENCES = False

PAIRED = """\
```sh
accelerate launch diffusers/examples/instruct_pix2pix/{script} \\
    --pretrained_model_name_or_path MODEL --train_data_dir {part} --resolution {side} \\
    --original_image_column original_image --edited_image_column edited_image \\
    --edit_prompt_column edit_prompt --conditioning_dropout_prob 0.05
```
"""
ALONE = """\
```sh
accelerate launch diffusers/examples/text_to_image/{script} \\
    --pretrained_model_name_or_path MODEL --train_data_dir {part} --resolution {side} \\
    --image_column image --caption_column text
```
"""
BUCKETED = """\
```sh
accelerate launch /path/to/diffusers/examples/dreambooth/{script} \\
    --pretrained_model_name_or_path {model} --output_dir lora \\
    --dataset_name "$PWD" --dataset_config_name {part} \\
    {columns} \\
    --use_aspect_ratio_buckets --aspect_ratio_buckets "{buckets}" --center_crop ...
```
"""
PAIRED_COLUMNS = (
    "--image_column edited_image --cond_image_column original_image --caption_column edit_prompt"
)
ALONE_COLUMNS = "--image_column image --caption_column text --instance_prompt unused"


def _dreambooth(title: str, paired: str, alone: str) -> Model:
    name = f"black-forest-labs/{title}"
    return Model(title=title, settings={"model": name, "paired": paired, "alone": alone})


def _square(title: str, paired: str, alone: str) -> Model:
    return Model(title=title, multiple=8, settings={"paired": paired, "alone": alone})


FLUX2 = "train_dreambooth_lora_flux2_img2img.py", "train_dreambooth_lora_flux2.py"
KLEIN = "train_dreambooth_lora_flux2_klein_img2img.py", "train_dreambooth_lora_flux2_klein.py"
ANY = Model(
    title="a model of instruct_pix2pix",
    settings={
        "paired": "train_instruct_pix2pix.py",
        "alone": "train_text_to_image_lora.py",
    },
)
MODELS = {
    "flux1-kontext": _dreambooth(
        "FLUX.1-Kontext-dev", *["train_dreambooth_lora_flux_kontext.py"] * 2
    ),
    "flux2-dev": _dreambooth("FLUX.2-dev", *FLUX2),
    "flux2-klein": _dreambooth("FLUX.2-klein-base-4B", *KLEIN),
    "flux2-klein-9b": _dreambooth("FLUX.2-klein-base-9B", *KLEIN),
    "instruct-pix2pix": _square(
        "a Stable Diffusion 1 or 2 model",
        "train_instruct_pix2pix.py",
        "train_text_to_image_lora.py",
    ),
    "instruct-pix2pix-sdxl": _square(
        "a Stable Diffusion XL model",
        "train_instruct_pix2pix_sdxl.py",
        "train_text_to_image_lora_sdxl.py",
    ),
}


def layout(sizes: Sizes, model: Model) -> Layout:
    """What the model's script changes: all but one size of a ratio, or all but one square.

    Without a model nothing: `datasets` hands every image over as it is.
    """
    if model is ANY:
        return Layout(model=model)
    found = by_multiples(sizes, model)
    odd, fit = dict(found.odd), [size for size in most_frequent(sizes) if size not in found.odd]
    if "model" not in model.settings:
        why = "this script makes every image a square of one size"
        square = next((size for size in fit if size[0] == size[1]), None)
        odd |= {size: why for size in fit if size != square}
        return Layout(model=model, odd=odd, remedy="`image: {size: [512, 512]}`")
    ratios: dict[Fraction, Size] = {}
    for width, height in fit:
        kept = ratios.setdefault(Fraction(width, height), (width, height))
        if kept != (width, height):
            odd[width, height] = (
                "this script has one bucket for an aspect ratio, and most samples of this one have "
                "another size"
            )
    remedy = "`image: {buckets: [[W, H], ...]}`, one an aspect ratio and in multiples of 16,"
    return Layout(model=model, odd=odd, remedy=remedy)


def line(item: Item, model: Model) -> dict[str, str]:
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
    size = square_side(_kept(summary), summary.layout.model.multiple)
    return "\n".join(
        [
            'In Python: `datasets.load_dataset("/path/to/this/folder", '
            f'"{summary.ordered[0].name}", split="train")`, or the name of another part.\n',
            *(_command(part, summary, size) for part in summary.ordered),
            _about_sizes(summary),
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


def _kept(summary: Summary) -> Sizes:
    """The sizes that the script keeps, or all if it keeps none."""
    sizes = all_sizes(summary.parts.values())
    odd = summary.layout.odd
    return Counter({size: n for size, n in sizes.items() if size not in odd}) or sizes


def _command(part: Part, summary: Summary, side: int) -> str:
    given = summary.layout.model.settings
    script = given["paired" if part.control else "alone"]
    if "model" not in given:
        return (PAIRED if part.control else ALONE).format(script=script, part=part.name, side=side)
    buckets = ";".join(f"{height},{width}" for width, height in sorted(_kept(summary)))
    return BUCKETED.format(
        script=script,
        model=given["model"],
        part=part.name,
        columns=PAIRED_COLUMNS if part.control else ALONE_COLUMNS,
        buckets=buckets,
    )


def _about_sizes(summary: Summary) -> str:
    """What the script does with sizes, and what it needs beside."""
    if "model" not in summary.layout.model.settings:
        return (
            "This trainer resizes every image to a square of `--resolution`; colours survive that "
            "only if images have this size already."
        )
    held = sum(w * h * n for (w, h), n in all_sizes(summary.parts.values()).items()) * 3 * 4
    return (
        "Run these in this folder. The script gives each image the bucket of its aspect ratio; the "
        "buckets, as height,width, are the sizes of these images, so that none is resized. Of each "
        "bucket it leaves out what does not fill the last batch. It holds "
        f"all images in memory, as 32-bit numbers: {held / 1e9:.2g} GB of targets here, and as "
        "much of input images."
    )
