"""kohya-ss/musubi-tuner: PART/metadata.jsonl with image_path, control_path and caption; TOML.

Paths are relative to the exported folder, in which the trainer must be run. Some edit models want a
control image for every image ("requires exactly one control content per item"), so samples without
one have a config of their own, for text-to-image training, unless the model that was named trains
both at once. enable_bucket with bucket_no_upscale at the largest size keeps images as they are,
whose sides are multiples of the model's step: 16, for HiDream-O1 32. Control images take the
target's size, for Qwen-Image-Edit about a megapixel, as its documentation asks. No masks. Sources,
commit 30c658c of 2026-06-24: docs/dataset_config.md, qwen_image.md, flux_2.md, flux_kontext.md,
hidream_o1.md; src/musubi_tuner/dataset/bucket.py (BucketSelector), media_utils.py
(resize_image_to_bucket), config_utils.py (keys and types), datasources.py (ImageJsonlDatasource);
flux_kontext_cache_latents.py.
"""

from __future__ import annotations

from vbdata.export.parts.sizes import all_sizes, by_multiples, largest_size
from vbdata.export.parts.toml import toml
from vbdata.export.parts.types import Item, Layout, Model, Part, Sizes, Summary

TRAINER = "musubi-tuner"
HOMEPAGE = "https://github.com/kohya-ss/musubi-tuner"
CAPTION_FILES = False
MASKS = False
REFERENCES = True
PAIRED, ALONE = "dataset.toml", "dataset-text2image.toml"
ANY_COMMANDS = (
    "python $MUSUBI/qwen_image_cache_latents.py",
    "python $MUSUBI/qwen_image_cache_text_encoder_outputs.py",
    "accelerate launch $MUSUBI/qwen_image_train_network.py",
)
LORA = "--sdpa --mixed_precision bf16 --weighting_scheme none --gradient_checkpointing"


def _flux2(title: str, version: str) -> Model:
    version = f"--model_version {version}"
    return Model(
        title=title,
        settings={
            "latents": f"flux_2_cache_latents.py {version} --vae AE",
            "texts": f"flux_2_cache_text_encoder_outputs.py {version} --text_encoder TEXT_ENCODER",
            "train": f"flux_2_train_network.py {version} --dit DIT --vae AE "
            "--text_encoder TEXT_ENCODER --timestep_sampling flux2_shift "
            f"--network_module networks.lora_flux_2 {LORA}",
            "mixes": True,
        },
    )


def _qwen(title: str, version: str) -> Model:
    version = f"--model_version {version}"
    return Model(
        title=title,
        several=title != "Qwen-Image-Edit",
        settings={
            "latents": f"qwen_image_cache_latents.py {version} --vae VAE",
            "texts": f"qwen_image_cache_text_encoder_outputs.py {version} "
            "--text_encoder TEXT_ENCODER",
            "train": f"qwen_image_train_network.py {version} --dit DIT --vae VAE "
            "--text_encoder TEXT_ENCODER --timestep_sampling shift --discrete_flow_shift 2.2 "
            f"--network_module networks.lora_qwen_image {LORA}",
            "mixes": True,
            "control": {"control_resolution": [1024, 1024]},
        },
    )


MODELS = {
    "flux1-kontext": Model(
        title="FLUX.1-Kontext-dev",
        alone=False,
        several=False,
        settings={
            "latents": "flux_kontext_cache_latents.py --vae AE",
            "texts": "flux_kontext_cache_text_encoder_outputs.py --text_encoder1 T5 "
            "--text_encoder2 CLIP",
            "train": "flux_kontext_train_network.py --dit DIT --vae AE --text_encoder1 T5 "
            "--text_encoder2 CLIP --timestep_sampling flux_shift "
            f"--network_module networks.lora_flux {LORA}",
        },
    ),
    "flux2-dev": _flux2("FLUX.2-dev", "dev"),
    "flux2-klein": _flux2("FLUX.2-klein-base-4B", "klein-base-4b"),
    "flux2-klein-9b": _flux2("FLUX.2-klein-base-9B", "klein-base-9b"),
    "hidream-o1": Model(
        title="HiDream-O1-Image",
        multiple=32,
        alone=False,
        settings={
            "latents": "hidream_o1_cache_pixel.py",
            "texts": "hidream_o1_cache_text_encoder_outputs.py",
            "train": "hidream_o1_train_network.py --dit DIT --model_type full --task i2i "
            "--timestep_sampling uniform --noise_scale_start 8.0 --noise_scale_end 8.0 "
            f"--noise_clip_std 0.0 --network_module networks.lora_hidream_o1 {LORA}",
        },
    ),
    "qwen-image-edit": _qwen("Qwen-Image-Edit", "edit"),
    "qwen-image-edit-2509": _qwen("Qwen-Image-Edit-2509", "edit-2509"),
    "qwen-image-edit-2511": _qwen("Qwen-Image-Edit-2511", "edit-2511"),
}
ANY = Model(title="a model that edits")


def layout(sizes: Sizes, model: Model) -> Layout:
    """Every size keeps its pixels whose sides are multiples of the model's step."""
    return by_multiples(sizes, model)


def line(item: Item, model: Model) -> dict[str, str]:
    """The item's line in PART/metadata.jsonl: target, caption and, any control images."""
    given = [item.control, *item.references] if item.control else []
    control = {f"control_path_{number}": path for number, path in enumerate(given)}
    if len(given) == 1:
        control = {"control_path": item.control}
    return {"image_path": item.target, **control, "caption": item.caption}


def configs(summary: Summary) -> dict[str, str]:
    """The configs by path: of the parts with control images, and of those without.

    One of all parts for a model that trains both at once.
    """
    if summary.layout.model.settings.get("mixes"):
        return {PAIRED: _config(summary.ordered, summary.layout.model)}
    texts = {}
    for path, control in ((PAIRED, True), (ALONE, False)):
        parts = [part for part in summary.ordered if part.control is control]
        if parts:
            texts[path] = _config(parts, summary.layout.model)
    return texts


def howto(summary: Summary) -> str:
    """How to cache and to train on the folder with musubi-tuner, in Markdown."""
    model = summary.layout.model
    lines = ["```sh\ncd THIS_FOLDER\nMUSUBI=/path/to/musubi-tuner/src/musubi_tuner"]
    if summary.chosen:
        first, second, last = (model.settings[name] for name in ("latents", "texts", "train"))
        commands = (f"python $MUSUBI/{first}", f"python $MUSUBI/{second}")
        lines += [f"{command} --dataset_config {PAIRED}" for command in commands]
        lines += [f"accelerate launch $MUSUBI/{last} --dataset_config {PAIRED} ...", "```"]
        lines.insert(
            0,
            f"Cache, then train {model.title}. Words in capitals are paths of its files; paths of "
            "this folder are relative to it, so run there:\n",
        )
    else:
        lines += [f"{each} --dataset_config {PAIRED} --edit ..." for each in ANY_COMMANDS]
        lines.append("```")
        lines.insert(
            0,
            "Cache, then train, with the trainer's options for a model (docs/qwen_image.md, "
            "docs/flux_kontext.md there); paths are relative to this folder, so run there:\n",
        )
        if any(not part.control for part in summary.ordered):
            lines.append(f"\n`{ALONE}` is for text-to-image models (without `--edit`).")
    lines.append(f"\n{_about_sizes(model)}")
    return "\n".join(lines)


def front(summary: Summary) -> str:
    """The empty text: the README of this format needs no front matter."""
    return ""


def _about_sizes(model: Model) -> str:
    """What the trainer does with the sizes of targets and control images."""
    control = (
        "Control images are resized to about a megapixel (`control_resolution`), as the model's "
        "own pipeline does."
        if "control" in model.settings
        else "Control images have the target's size and keep it."
    )
    more = "" if model.settings else "; HiDream-O1 wants multiples of 32: export with `--model`"
    return (
        f"Targets whose sides are multiples of {model.multiple} pixels, and whose area is at most "
        f"that of `resolution`, are not resized{more}. {control}"
    )


def _config(parts: list[Part], model: Model) -> str:
    general = {
        "resolution": list(largest_size(all_sizes(parts), model.multiple)),
        "batch_size": 1,
        "enable_bucket": True,
        "bucket_no_upscale": True,
    }
    datasets = [
        {"image_jsonl_file": f"{part.name}/metadata.jsonl", "cache_directory": f"{part.name}/cache"}
        | (model.settings.get("control", {}) if part.control else {})
        for part in parts
    ]
    listed = (f"\n[[datasets]]\n{toml(each | {'num_repeats': 1})}" for each in datasets)
    return f"[general]\n{toml(general)}" + "".join(listed)
