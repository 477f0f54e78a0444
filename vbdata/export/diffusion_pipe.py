"""tdrussell/diffusion-pipe: dataset.toml, a [[directory]] a part: path, control_path, mask_path.

Control images and masks lie in folders of their own under the target's stem, captions are .txt
files beside the target. Every target of a directory with control_path must have its control image,
so samples without one are a directory of their own, read in the same training.

The trainer picks an image's bucket by its aspect ratio alone. So every size is a bucket of its own
in `size_buckets`, ordered by aspect ratio, and sizes of one ratio lie in directories of their own,
each with its list: `pairs`, `pairs-2` and so on (vbdata.export.parts.ratios). Sides are rounded to
multiples of 16 for all models here. Sources, commit 8f83dbf of 2026-08-20:
examples/flux_kontext_dataset.toml, examples/dataset.toml, docs/supported_models.md,
utils/dataset.py (DirectoryDataset, ConcatenatedBatchedDataset), models/base.py
(PreprocessMediaFile: sides rounded, masks by their first channel).
"""

from __future__ import annotations

from dataclasses import replace

from vbdata.export.parts.ratios import by_ratio, grouped
from vbdata.export.parts.sizes import all_sizes, by_multiples
from vbdata.export.parts.toml import toml
from vbdata.export.parts.types import Item, Layout, Model, Part, Size, Sizes, Summary

TRAINER = "diffusion-pipe"
HOMEPAGE = "https://github.com/tdrussell/diffusion-pipe"
CAPTION_FILES = True
MASKS = True
REFERENCES = False
CONFIG = "dataset.toml"

FLUX2 = """\
type = "flux2"
diffusion_model = "/path/to/{file}"
vae = "/path/to/flux2-vae.safetensors"
text_encoders = [{{path = "/path/to/{text}", type = "flux2"}}]
dtype = "bfloat16"
timestep_sample_method = "logit_normal"
shift = 3
"""
KONTEXT = """\
type = "flux"
diffusers_path = "/path/to/FLUX.1-Kontext-dev"
dtype = "bfloat16"
"""
QWEN = """\
type = "qwen_image"
diffusers_path = "/path/to/Qwen-Image-Edit"
dtype = "bfloat16"
timestep_sample_method = "logit_normal"
"""


def _flux2(title: str, file: str, text: str) -> Model:
    return Model(title=title, settings={"model": FLUX2.format(file=file, text=text)})


MODELS = {
    "flux1-kontext": Model(title="FLUX.1-Kontext-dev", settings={"model": KONTEXT}),
    "flux2-dev": _flux2(
        "FLUX.2-dev", "flux2-dev.safetensors", "mistral_3_small_flux2_fp8.safetensors"
    ),
    "flux2-klein": _flux2(
        "FLUX.2-klein-base-4B", "flux-2-klein-base-4b.safetensors", "qwen_3_4b.safetensors"
    ),
    "flux2-klein-9b": _flux2(
        "FLUX.2-klein-base-9B", "flux-2-klein-base-9b.safetensors", "qwen_3_8b.safetensors"
    ),
    "qwen-image-edit": Model(title="Qwen-Image-Edit", settings={"model": QWEN}),
}
ANY = Model(title="a model that edits", settings={"model": KONTEXT})


def layout(sizes: Sizes, model: Model) -> Layout:
    """A bucket for every size; sizes that the trainer would take for one another part company."""
    groups = grouped(sizes, {size: _bucket(size, model) for size in sizes})
    return replace(by_multiples(sizes, model), groups=groups)


def line(item: Item, model: Model) -> None:
    """None: this trainer reads captions from .txt files and has no metadata.jsonl."""
    return


def configs(summary: Summary) -> dict[str, str]:
    """dataset.toml by path: the sizes, and a directory a part."""
    parts = summary.ordered
    several = len(set(summary.layout.groups.values())) > 1
    top: dict[str, object] = {"enable_ar_bucket": True}
    if not several:
        top["size_buckets"] = _buckets(parts, summary)
    top |= {"frame_buckets": [1], "num_repeats": 1}
    directories = [
        {"path": f"{part.name}/target"}
        | ({"control_path": f"{part.name}/control"} if part.control else {})
        | ({"mask_path": f"{part.name}/mask"} if part.mask else {})
        | ({"size_buckets": _buckets([part], summary)} if several else {})
        for part in parts
    ]
    return {CONFIG: toml(top) + "".join(f"\n[[directory]]\n{toml(d)}" for d in directories)}


def howto(summary: Summary) -> str:
    """How to train on the folder with diffusion-pipe, in Markdown."""
    model = summary.layout.model
    beside = f"the model, {model.title}" if summary.chosen else "a model that edits"
    lines = [
        f"Name it in the trainer's main config, beside {beside} (docs/supported_models.md "
        "there: Flux Kontext, Flux 2, Qwen-Image-Edit):\n\n"
        f'```toml\ndataset = "{CONFIG}"\n\n[model]\n{model.settings["model"]}```\n\n'
        "Paths are relative to this folder, so run there:\n\n"
        "```sh\ncd THIS_FOLDER\n"
        "deepspeed --num_gpus=1 /path/to/diffusion-pipe/train.py --deepspeed --config main.toml\n"
        "```\n",
        "The trainer picks an image's bucket by its aspect ratio alone. So every size here is a "
        f"bucket of its own in `{CONFIG}`, and the lists are ordered by aspect ratio: do not "
        "reorder or join them. Of each bucket the trainer leaves out what does not fill its last "
        "global batch, so keep batches small where a size has few samples.",
    ]
    if len(set(summary.layout.groups.values())) > 1:
        lines.append(
            "\nSizes of one aspect ratio lie in folders of their own (`-2`, `-3`, ...); one "
            "training reads all of them."
        )
    return "\n".join(lines)


def front(summary: Summary) -> str:
    """The empty text: the README of this format needs no front matter."""
    return ""


def _bucket(size: Size, model: Model) -> Size:
    """The size at which an image is trained: its own, if its sides are multiples."""
    width, height = (max(side // model.multiple, 1) * model.multiple for side in size)
    return width, height


def _buckets(parts: list[Part], summary: Summary) -> list[list[int]]:
    """`size_buckets` of some parts: (width, height, frames) of each, in the trainer's order."""
    sizes = {_bucket(size, summary.layout.model) for size in all_sizes(parts)}
    return [[width, height, 1] for width, height in by_ratio(sizes)]
