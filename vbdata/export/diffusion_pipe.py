"""tdrussell/diffusion-pipe: dataset.toml, a [[directory]] a part: path, control_path, mask_path.

Control images and masks lie in folders of their own under the target's stem, captions are .txt
files beside the target. Every target of a directory with control_path must have its control image,
so samples without one are a directory of their own, read in the same training. Sizes are given as
size_buckets if the trainer, which picks a bucket by aspect ratio, then resizes nothing. Sources:
tdrussell/diffusion-pipe examples/flux_kontext_dataset.toml, examples/dataset.toml, utils/dataset.py
(DirectoryDataset), models/base.py (PreprocessMediaFile: masks by their first channel).
"""

from __future__ import annotations

from vbdata.export.parts.sizes import all_sizes, one_bucket_each, ratio_range, square_side
from vbdata.export.parts.toml import toml
from vbdata.export.parts.types import Item, Summary

TRAINER = "diffusion-pipe"
HOMEPAGE = "https://github.com/tdrussell/diffusion-pipe"
CAPTION_FILES = True
MASKS = True
CONFIG = "dataset.toml"


def line(item: Item) -> None:
    """None: this trainer reads captions from .txt files and has no metadata.jsonl."""
    return


def configs(summary: Summary) -> dict[str, str]:
    """dataset.toml by path: the sizes, and a directory a part.

    If sizes share an aspect ratio, or are too many, the trainer is given one resolution and makes
    its own buckets; that may resize images, as the README then says.
    """
    sizes = all_sizes(summary.parts.values())
    if one_bucket_each(sizes):
        shape: dict[str, object] = {"size_buckets": [[w, h, 1] for w, h in sorted(sizes)]}
    else:
        low, high = ratio_range(sizes)
        shape = {
            "resolutions": [square_side(sizes)],
            "min_ar": round(low, 3),
            "max_ar": round(high, 3),
            "num_ar_buckets": 9 if high > low else 1,
        }
    top = {"enable_ar_bucket": True, **shape, "frame_buckets": [1], "num_repeats": 1}
    directories = [
        {"path": f"{part.name}/target"}
        | ({"control_path": f"{part.name}/control"} if part.control else {})
        | ({"mask_path": f"{part.name}/mask"} if part.mask else {})
        for part in summary.ordered
    ]
    return {CONFIG: toml(top) + "".join(f"\n[[directory]]\n{toml(d)}" for d in directories)}


def howto(summary: Summary) -> str:
    """How to train on the folder with diffusion-pipe, in Markdown."""
    return (
        "Name it in the trainer's main config, beside a model that edits (docs/supported_models.md "
        "there: Flux Kontext, Qwen-Image-Edit):\n\n"
        f'```toml\ndataset = "{CONFIG}"\n\n[model]\ntype = "flux"\n'
        'diffusers_path = "/path/to/FLUX.1-Kontext-dev"\ndtype = "bfloat16"\n```\n\n'
        "Paths are relative to this folder, so run there:\n\n"
        "```sh\ncd THIS_FOLDER\n"
        "deepspeed --num_gpus=1 /path/to/diffusion-pipe/train.py --deepspeed --config main.toml\n"
        "```"
    )


def front(summary: Summary) -> str:
    """The empty text: the README of this format needs no front matter."""
    return ""
