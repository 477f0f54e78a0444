"""What each trainer does with the sizes of exported targets: its own arithmetic, restated here.

A layout says of every size whether the trainer keeps its pixels. That is held against the
arithmetic of the trainers' loaders, for 240 samples of mixed sizes, with the values that stand in
the configs and commands of the export. Each function below names its source.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.export.test_export import make, size_of
from vbdata.errors import BuildError, RecipeError
from vbdata.export import format_of, names
from vbdata.export.parts.ratios import by_ratio, grouped
from vbdata.export.parts.types import Item, Size, Sizes, Summary

# Sides are multiples of 16 but for the last two; 4:3 has three sizes, 1:1 three, 2:3 two.
SIZES: list[Size] = [
    *((640, 480), (320, 240), (480, 640), (512, 512), (1024, 768), (1248, 384), (1024, 1024)),
    *((768, 512), (384, 256), (512, 768), (640, 464), (656, 480), (960, 544), (256, 256)),
    *((2048, 16), (317, 211), (640, 427)),
]
MIXED: Sizes = Counter(SIZES[(k if k < len(SIZES) else k * k) % len(SIZES)] for k in range(240))
EVERY = [(name, model) for name in names() for model in (*sorted(format_of(name).MODELS), "")]


def exported(name: str, model: str, sizes: Sizes = MIXED) -> Summary:
    """A summary as an export of such samples makes it, every sixth without an input image."""
    form = format_of(name)
    chosen = form.MODELS[model] if model else form.ANY
    layout = form.layout(sizes, chosen)
    order = {"format": name, "model": model} if model else {"format": name}
    summary = Summary(name="mixed", order=order, layout=layout)
    for number, (width, height) in enumerate(sizes.elements()):
        alone = number % 6 == 0 and chosen.alone
        group = layout.groups.get((width, height), 0)
        part = ("text2image" if alone else "pairs") + (f"-{group + 1}" if group else "")
        summary.add(
            Item(
                part=part, key=f"{number:03}", source="s", task="t", license="l", caption="c",
                width=width, height=height, target=f"{part}/target/{number:03}.png",
                control="" if alone else f"{part}/control/{number:03}.jpg", mask="",
            )
        )  # fmt: skip
    return summary


def trained(summary: Summary) -> dict[Size, set[Size]]:
    """The size at which the trainer trains images of each size, in whichever part they lie."""
    name = summary.order["format"].replace("-", "_")
    found: dict[Size, set[Size]] = {}
    for part in summary.ordered:
        made = globals()[f"{name}_sizes"](summary, part.name, list(part.sizes))
        for size, result in zip(part.sizes, made, strict=True):
            found.setdefault(size, set()).add(result)
    return found


def ai_toolkit_sizes(summary: Summary, part: str, sizes: list[Size]) -> list[Size]:
    """ostris/ai-toolkit 27a03a9: toolkit/buckets.py, BucketsMixin.setup_buckets."""
    config = yaml.safe_load(format_of("ai-toolkit").configs(summary)["config.yaml"])
    (process,) = config["config"]["process"]
    (data,) = [d for d in process["datasets"] if d["folder_path"] == f"{part}/target"]
    (side,) = data["resolution"]
    step = 32 if process["model"]["arch"].startswith("qwen_image") else 16
    made = []
    for width, height in sizes:
        pixels = min(width * height, side**2)
        scale = (pixels / (width * height)) ** 0.5
        rounded = [
            (math.floor(side * scale / step), math.ceil(side * scale / step))
            for side in (width, height)
        ]
        choices = [(w * step, h * step) for w in rounded[0] for h in rounded[1]]
        within = [(w, h) for w, h in choices if w > 0 and h > 0 and w * h <= side**2]
        within = within or [(max(step, choices[0][0]), max(step, choices[0][1]))]
        to = min(within, key=lambda wh: abs(wh[0] * wh[1] - pixels))
        cover = max(to[0] / width, to[1] / height)
        scaled = math.ceil(width * cover), math.ceil(height * cover)
        made.append(to if scaled == (width, height) == to else (-1, -1))
    return made


def musubi_sizes(summary: Summary, part: str, sizes: list[Size]) -> list[Size]:
    """kohya-ss/musubi-tuner 30c658c: dataset/bucket.py, BucketSelector.get_bucket_resolution."""
    configs = format_of("musubi").configs(summary).values()
    (config,) = [c for c in map(tomllib.loads, configs) if f"{part}/metadata.jsonl" in str(c)]
    general = config["general"]
    assert general["enable_bucket"]
    assert general["bucket_no_upscale"]
    step = 32 if summary.order.get("model") == "hidream-o1" else 16
    area = general["resolution"][0] * general["resolution"][1]
    assert all(width * height <= area for width, height in sizes), "else nearest aspect ratio"
    return [(width - width % step, height - height % step) for width, height in sizes]


def diffsynth_sizes(summary: Summary, part: str, sizes: list[Size]) -> list[Size]:
    """modelscope/DiffSynth-Studio fed7b18: core/data/operators.py, ImageCropAndResize."""
    howto = format_of("diffsynth").howto(summary)
    (command,) = re.findall(rf"--dataset_base_path (?:FOLDER/)?{part} [^`]+", howto)
    most = int(re.findall(r"--max_pixels (\d+)", command)[0])
    step = 32 if summary.order.get("model") == "hidream-o1" else 16
    assert all(width * height <= most for width, height in sizes), "else shrunk"
    made = []
    for width, height in sizes:
        to = width // step * step, height // step * step
        scale = max(to[0] / width, to[1] / height)
        scaled = round(width * scale), round(height * scale)
        made.append(to if scaled == (width, height) else (-1, -1))
    return made


def diffusion_pipe_sizes(summary: Summary, part: str, sizes: list[Size]) -> list[Size]:
    """tdrussell/diffusion-pipe 8f83dbf: utils/dataset.py, DirectoryDataset; models/base.py."""
    config = tomllib.loads(format_of("diffusion-pipe").configs(summary)["dataset.toml"])
    (directory,) = [d for d in config["directory"] if d["path"] == f"{part}/target"]
    listed = directory.get("size_buckets", config.get("size_buckets"))
    listed.sort(key=lambda bucket: bucket[-1], reverse=True)
    buckets = np.array(listed)
    ratios = np.log(np.array(sorted({round(w / h, 3) for w, h, _ in buckets})))
    made = []
    for width, height in sizes:
        near = np.argsort(np.abs(np.log(width / height) - ratios), kind="stable")
        to = buckets[near][0]
        made.append((round(int(to[0]) / 16) * 16, round(int(to[1]) / 16) * 16))
    return made


def imagefolder_sizes(summary: Summary, part: str, sizes: list[Size]) -> list[Size]:
    """huggingface/diffusers 58eb52c: instruct_pix2pix, convert_to_np; find_nearest_bucket.

    datasets alone hands images over as they are.
    """
    if not summary.order.get("model"):
        return sizes
    howto = format_of("imagefolder").howto(summary)
    (command,) = [c for c in howto.split("```") if f" {part} " in c and "accelerate" in c]
    if "--resolution" in command:
        side = int(re.findall(r"--resolution (\d+)", command)[0])
        return [(side, side)] * len(sizes)
    assert "--use_aspect_ratio_buckets" in command
    assert "--center_crop" in command, "the script crops at random otherwise"
    (text,) = re.findall(r'--aspect_ratio_buckets "([^"]+)"', command)
    buckets = [tuple(map(int, pair.split(","))) for pair in text.split(";")]
    made = []
    for width, height in sizes:
        metrics = [abs(height * w - width * h) for h, w in buckets]
        last = max(k for k, metric in enumerate(metrics) if metric == min(metrics))
        made.append((buckets[last][1], buckets[last][0]))
    return made


@pytest.mark.parametrize(("name", "model"), EVERY)
def test_the_layout_says_what_the_trainer_does(name: str, model: str) -> None:
    """Of all 240 samples, and of those alone whose sizes it is said to keep."""
    summary = exported(name, model)
    odd = summary.layout.odd
    assert summary.samples == 240
    for size, results in trained(summary).items():
        assert (results == {size}) is (size not in odd), size
    if "pix2pix" not in model and name != "imagefolder":
        step = summary.layout.model.multiple
        assert set(odd) == {s for s in SIZES if s[0] % step or s[1] % step}
    fit = exported(name, model, Counter({s: n for s, n in MIXED.items() if s not in odd}))
    assert fit.samples
    assert not fit.layout.odd
    assert all(results == {size} for size, results in trained(fit).items())


def test_buckets_that_share_an_aspect_ratio_part_company() -> None:
    exact = Counter({size: n for size, n in MIXED.items() if size[0] % 16 == size[1] % 16 == 0})
    summary = exported("diffusion-pipe", "flux2-klein", exact)
    assert [part.name for part in summary.ordered if part.control] == [
        "pairs",
        "pairs-2",
        "pairs-3",
    ]
    groups = summary.layout.groups
    assert len({groups[size] for size in ((640, 480), (320, 240), (1024, 768))}) == 3
    one = exported("diffusion-pipe", "", Counter({(640, 480): 3, (512, 512): 1, (480, 640): 9}))
    config = tomllib.loads(format_of("diffusion-pipe").configs(one)["dataset.toml"])
    assert config["size_buckets"] == [[480, 640, 1], [512, 512, 1], [640, 480, 1]], "by ratio"
    assert all("size_buckets" not in directory for directory in config["directory"])


def test_any_number_of_sizes_finds_its_buckets() -> None:
    rng = np.random.default_rng(3)
    sizes = Counter((int(w) * 16, int(h) * 16) for w, h in rng.integers(4, 130, (250, 2)))
    numbers = grouped(sizes, {size: size for size in sizes})
    assert set(numbers) == set(sizes)
    assert len(set(numbers.values())) < 8
    summary = exported("diffusion-pipe", "", sizes)
    assert all(results == {size} for size, results in trained(summary).items())
    assert by_ratio({(640, 480), (48, 640), (16, 16)}) == [(48, 640), (16, 16), (640, 480)]


def test_odd_sizes_are_refused_left_out_or_kept(demo_build: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(RecipeError, match=r"ai-toolkit would resize .*multiple_of: 32.*odd-sizes"):
        make(demo_build, out, format="ai-toolkit", model="qwen-image-edit", blank="skip")
    assert not out.exists(), "refused before anything is written"
    report = make(
        demo_build,
        out,
        format="ai-toolkit",
        model="qwen-image-edit",
        blank="skip",
        odd_sizes="skip",
    )
    sizes = {size_of(path) for path in out.glob("*/target/*.png")}
    assert sizes
    assert all(side % 32 == 0 for size in sizes for side in size)
    left, skipped = report["skipped_odd_sizes"], report["skipped_without_input"]
    assert report["samples"] + left + skipped == len(lines_of_build(demo_build))
    told = (out / "README.md").read_text()
    assert f"{left} samples that the trainer would resize were left out: a side is no" in told
    assert "All sides are multiples of 32 pixels" in told
    kept = tmp_path / "kept"
    assert make(demo_build, kept, format="musubi", odd_sizes="keep")["samples"] == 96
    assert re.search(r"\*\*musubi-tuner resizes \d+ of these", (kept / "README.md").read_text())
    with pytest.raises(BuildError, match=r"nothing to export: .* that the trainer would resize"):
        make(
            demo_build, tmp_path / "none", format="ai-toolkit", model="qwen-image-edit",
            odd_sizes="skip", blank="skip", sources=("kitti",),
        )  # fmt: skip


def lines_of_build(build: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(build / "manifest/train.parquet").to_pylist()
    return rows


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "flux2-klien"}, "did you mean 'flux2-klein'"),
        ({"model": "qwen-image-edit-2511"}, "--to diffusion-pipe.* Known: flux1-kontext"),
        ({"odd_sizes": "crop"}, "--odd-sizes crop: unknown"),
    ],
)
def test_models_and_ways_that_are_not_known(
    options: dict[str, Any], said: str, demo_build: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=said):
        make(demo_build, tmp_path / "out", format="diffusion-pipe", **options)


def test_models_that_want_an_input_image(demo_build: Path, tmp_path: Path) -> None:
    for name, model in (("ai-toolkit", "qwen-image-edit-2511"), ("musubi", "flux1-kontext")):
        with pytest.raises(
            RecipeError, match="input image only, and 10 samples have none: --blank"
        ):
            make(demo_build, tmp_path / "out", format=name, model=model, odd_sizes="skip")


def test_diffsynth_knows_each_models_column() -> None:
    """Qwen-Image-Edit-2509 and later take a list, Kontext has a column of its own."""
    form = format_of("diffsynth")
    item = Item(
        part="pairs", key="1", source="s", task="t", license="l", caption="c", width=64, height=64,
        target="pairs/target/1.png", control="pairs/control/1.jpg", mask="",
    )  # fmt: skip
    for model, column, value in (
        ("flux1-kontext", "kontext_images", "control/1.jpg"),
        ("qwen-image-edit", "edit_image", "control/1.jpg"),
        ("qwen-image-edit-2511", "edit_image", ["control/1.jpg"]),
    ):
        line = form.line(item, form.MODELS[model])
        assert line == {"image": "target/1.png", "prompt": "c", column: value}
        command = form.howto(exported("diffsynth", model))
        assert f'--extra_inputs "{column}"' in command
        assert ("--zero_cond_t" in command) is (model == "qwen-image-edit-2511")


def test_a_model_that_mixes_reads_one_config(tmp_path: Path) -> None:
    configs = format_of("musubi").configs(exported("musubi", "qwen-image-edit-2511"))
    assert list(configs) == ["dataset.toml"]
    datasets = tomllib.loads(configs["dataset.toml"])["datasets"]
    assert [data.get("control_resolution") for data in datasets] == [[1024, 1024], None]
    assert "--model_version edit-2511" in format_of("musubi").howto(
        exported("musubi", "qwen-image-edit-2511")
    )
    assert "--edit" not in format_of("musubi").howto(exported("musubi", "flux2-klein"))


def test_exports_of_before_are_still_known() -> None:
    from vbdata.export.parts.types import ExportOptions

    order = ExportOptions(format="musubi", odd_sizes="keep").order("digest")
    assert sorted(order) == [
        *("blank", "build", "format", "masks", "sources", "split_by_task", "tasks", "version")
    ]
    assert ExportOptions(format="musubi", model="flux2-klein").order("d")["model"] == "flux2-klein"


def test_the_docs_have_a_line_for_every_model() -> None:
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
    lines = re.findall(
        r"^\| `vbdata export out --to (\S+) --model (\S+) [^`]+` \| (\d+)", page, re.M
    )
    known = {
        (name, model, str(found.multiple))
        for name in names()
        for model, found in format_of(name).MODELS.items()
    }
    assert set(lines) == known
    skips = set(re.findall(r"--to (\S+) --model (\S+) --out pairs --blank skip", page))
    needy = {(n, m) for n in names() for m, found in format_of(n).MODELS.items() if not found.alone}
    assert skips == needy
