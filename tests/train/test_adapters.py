"""Adapters of real editors, on tiny random pipelines, against diffusers' own pipelines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from PIL import Image

from tests.helpers import tiny_pipelines
from tests.helpers import train_runs as runs
from tests.helpers.builds import REPOSITORY
from vbdata.engine import build as engine
from vbdata.errors import RecipeError
from vbdata.evaluation.evaluate import EvaluationOptions
from vbdata.evaluation.truth import BuildTruth
from vbdata.recipe.recipe import Recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder
from vbdata.train.config import Lora, load_config

if TYPE_CHECKING:
    import torch

if TYPE_CHECKING:
    from torch import Tensor

    from vbdata.train.adapter import Condition

pytestmark = [tiny_pipelines.needs_editors, pytest.mark.slow]

KINDS = sorted(tiny_pipelines.BUILDERS)
FLOWS = [kind for kind in KINDS if kind != "instruct_pix2pix"]
PACKED = ("flux1_kontext", "qwen_image_edit")  # 2 x 2 latents a token; the others one
PROMPT = "Paint the depth of the scene: near is black."
SIZES = [(64, 64), (64, 112), (128, 80)]  # height, width
GUIDANCE = {
    "flux1_kontext": (2.0, 1.0),
    "flux2_klein": (4.0, 1.0),
    "instruct_pix2pix": (7.5, 1.5),
    "qwen_image_edit": (4.0, 1.0),
}
REFERENCE_PLANE = {"flux1_kontext": 1, "flux2_klein": 10}
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A checkpoint of each kind. Read only."""
    base = tmp_path_factory.mktemp("pipelines")
    for kind, build in tiny_pipelines.BUILDERS.items():
        build(base / kind)
    return {kind: base / kind for kind in KINDS}


@pytest.fixture
def editor(kind: str, folders: Mapping[str, Path]) -> Any:
    from vbdata.train.adapter import make_editor

    return make_editor({"kind": kind, "path": str(folders[kind])})


@pytest.fixture
def pipeline(kind: str, folders: Mapping[str, Path]) -> Any:
    return tiny_pipelines.loaded(kind, folders[kind])


def picture(height: int, width: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def tensor(rgb: np.ndarray[Any, Any]) -> Tensor:
    import torch

    from vbdata.train import flow

    return flow.scaled(torch.from_numpy(rgb).movedim(-1, 0)[None])


def normal(shape: Any, seed: int = 0) -> Tensor:
    import torch

    return torch.randn(tuple(shape), generator=torch.Generator().manual_seed(seed))


def given(editor: Any, rgb: np.ndarray[Any, Any], text: str = PROMPT) -> Condition:
    import torch

    from vbdata.train.adapter import conditioned

    return conditioned(editor, tensor(rgb), torch.tensor([True]), [text])


def asked(
    kind: str, pipeline: Any, rgb: np.ndarray[Any, Any] | None, noise: Tensor, guided: bool,
    size: tuple[int, int], steps: int = 4,
) -> Tensor:  # fmt: skip
    """float32[1, 3, H, W] in 0..1 by the pipeline itself."""
    from vbdata.train.adapters.parts import tokens

    image = None if rgb is None else Image.fromarray(rgb)
    text, picture = GUIDANCE[kind] if guided else (1.0, 1.0)
    noise = tokens.packed(noise) if kind in PACKED else noise
    more: dict[str, Any] = {"prompt": PROMPT, "image": image, "latents": noise}
    if kind == "instruct_pix2pix":
        more |= {"guidance_scale": text, "image_guidance_scale": picture}
    else:
        more |= {"height": size[0], "width": size[1], "guidance_scale": text}
    if kind in PACKED:  # it does without if there is nothing to guide
        more |= {"negative_prompt": "" if guided else None, "true_cfg_scale": text}
    if kind == "flux1_kontext":
        more |= {"guidance_scale": 3.5, "max_area": size[0] * size[1], "_auto_resize": False}
    if kind == "qwen_image_edit":
        more["guidance_scale"] = None
        if image is None:
            pipeline, more = tiny_pipelines.qwen_without_image(pipeline, more)
    with pytest.MonkeyPatch.context() as patch:
        tiny_pipelines.keep_qwens_reference(patch, size)
        return pipeline(num_inference_steps=steps, output_type="pt", **more).images


class Calls:
    """What a module was called with, and what it gave."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.given: list[dict[str, Any]] = []
        self.made: list[Tensor] = []
        module.register_forward_hook(self._note, with_kwargs=True)

    def _note(self, _: Any, args: tuple[Any, ...], more: dict[str, Any], made: Any) -> None:
        self.given.append(dict(zip(("sample", "timestep"), args, strict=False)) | more)
        self.made.append(made[0])


@every_kind
@pytest.mark.parametrize("size", SIZES)
def test_the_module_is_called_as_the_pipeline_calls_it(
    kind: str, size: tuple[int, int], editor: Any, pipeline: Any
) -> None:
    import torch
    from torch import Tensor

    from vbdata.train import flow

    rgb = picture(*size)
    condition = given(editor, rgb)
    noise = normal(condition.reference.shape)
    theirs = Calls(pipeline.unet if kind == "instruct_pix2pix" else pipeline.transformer)
    asked(kind, pipeline, rgb, noise, False, size)
    ours = Calls(editor.module)
    with torch.no_grad():
        flow.sample(editor, noise, condition, 4)
    assert len(ours.given) == len(theirs.given) == 4
    if kind in REFERENCE_PLANE:  # the reference lies on the picture, in another plane
        picture_places, reference_places = ours.given[0]["img_ids"].chunk(2)
        assert torch.equal(picture_places[:, 1:], reference_places[:, 1:])
        assert set(reference_places[:, 0].tolist()) == {REFERENCE_PLANE[kind]}
        assert set(picture_places[:, 0].tolist()) == {0}
    for their, our in zip(theirs.given, ours.given, strict=True):
        for name, value in our.items():
            if isinstance(value, Tensor):
                expected = their[name].squeeze(0) if name.endswith("_ids") else their[name]
                torch.testing.assert_close(
                    value.float(), expected.float().expand_as(value), atol=2e-5, rtol=1e-5
                )
            elif name not in ("joint_attention_kwargs", "return_dict"):
                assert value == their.get(name)
    for their, our in zip(theirs.made, ours.made, strict=True):
        torch.testing.assert_close(our, their, atol=5e-5, rtol=1e-4)


@every_kind
@pytest.mark.parametrize("guided", [False, True])
def test_the_sampler_gives_the_pipelines_picture(
    kind: str, guided: bool, editor: Any, pipeline: Any
) -> None:
    import torch

    from vbdata.train import flow

    rgb = picture(64, 96)
    condition = given(editor, rgb)
    noise = normal(condition.reference.shape)
    theirs = asked(kind, pipeline, rgb, noise, guided, (64, 96))
    scales = GUIDANCE[kind] if guided else (1.0, 1.0)
    ours = editor.decode(flow.sample(editor, noise, condition, 4, scales))
    torch.testing.assert_close((ours / 2 + 0.5).clamp(0, 1), theirs, atol=1e-5, rtol=0)
    assert theirs.std() > 0.05  # not a plane, which anything would agree on
    other = asked(kind, pipeline, picture(64, 96, 1), noise, guided, (64, 96))
    assert (theirs - other).abs().mean() > 1e-4  # and the reference matters


@pytest.mark.parametrize("kind", FLOWS)
@pytest.mark.parametrize("shift", [1.0, 2.5])
def test_the_times_are_those_of_the_checkpoints_scheduler(
    kind: str, shift: float, folders: Mapping[str, Path], tmp_path: Path
) -> None:
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler

    from vbdata.train import flow
    from vbdata.train.adapter import make_editor

    def reschedule(folder: Path) -> None:
        FlowMatchEulerDiscreteScheduler(shift=shift).save_pretrained(folder / "scheduler")

    path = copied(folders[kind], tmp_path / "other", reschedule)
    editor: Any = make_editor({"kind": kind, "path": path})
    rgb = picture(64, 96)
    condition = given(editor, rgb)
    noise = normal(condition.reference.shape)
    uniform = [0.0, 1 / 3, 2 / 3]
    assert (editor.times(3, noise.shape) == pytest.approx(uniform)) is (shift == 1)
    pipeline = tiny_pipelines.loaded(kind, Path(path))
    theirs = asked(kind, pipeline, rgb, noise, True, (64, 96), steps=3)
    ours = editor.decode(flow.sample(editor, noise, condition, 3, GUIDANCE[kind]))
    torch.testing.assert_close((ours / 2 + 0.5).clamp(0, 1), theirs, atol=5e-5, rtol=0)


@every_kind
def test_one_step_is_the_prediction_from_pure_noise(kind: str, editor: Any) -> None:
    import torch

    from vbdata.train import flow

    condition = given(editor, picture(64, 64))
    noise = normal(condition.reference.shape)
    x = flow.sample(editor, noise, condition, 1)
    with torch.no_grad():
        assert torch.equal(x, editor.predict(noise, torch.zeros(1), condition))
    fine = flow.sample(editor, noise, condition, 2, heun=True)
    assert fine.isfinite().all()


@pytest.mark.parametrize("kind", FLOWS)
def test_rows_without_a_reference_are_text_to_image(kind: str, editor: Any, pipeline: Any) -> None:
    import torch

    from vbdata.train import flow
    from vbdata.train.adapter import conditioned

    rgb, size = picture(64, 96), (64, 96)
    two = tensor(rgb).repeat(2, 1, 1, 1)
    mixed = conditioned(editor, two, torch.tensor([True, False]), [PROMPT, PROMPT])
    noise = normal(mixed.reference[:1].shape)
    with torch.no_grad():
        rows = editor.decode(flow.sample(editor, noise.repeat(2, 1, 1, 1), mixed, 2)) / 2 + 0.5
    for row, image in zip(rows, (rgb, None), strict=True):
        theirs = asked(kind, pipeline, image, noise, False, size, steps=2)
        torch.testing.assert_close(row[None].clamp(0, 1), theirs, atol=2e-5, rtol=0)


@every_kind
@pytest.mark.parametrize("t", [0.0, 0.1, 0.5, 0.97, 1.0])
def test_a_perfect_network_gives_x(kind: str, t: float, editor: Any) -> None:
    import torch

    from vbdata.train.adapter import Condition
    from vbdata.train.adapters.parts import tokens

    x, noise = normal((2, *latent_shape(editor)), 1), normal((2, *latent_shape(editor)), 2)
    times = torch.full((2,), t)
    at = max(t, getattr(editor, "_first_t", 0.0))  # where its schedule ends in less than noise
    z = at * x + (1 - at) * noise

    def perfect(*_: Any, **__: Any) -> tuple[Tensor]:
        if kind == "instruct_pix2pix":
            return (noise,)
        velocity = noise - x
        if kind in PACKED:
            return (tokens.packed(velocity),)
        return (velocity.flatten(2).transpose(1, 2),)

    editor.module.forward = perfect
    z = z / ((at**2 + (1 - at) ** 2) / (t**2 + (1 - t) ** 2)) ** 0.5
    text = editor.encode_text([PROMPT] * 2, torch.device("cpu"))
    found = editor.predict(z, times, Condition(x, torch.tensor([True, False]), text))
    torch.testing.assert_close(found, x, atol=1e-4, rtol=1e-4)


def latent_shape(editor: Any) -> tuple[int, ...]:
    import torch

    return tuple(editor.encode_image(torch.zeros(1, 3, 64, 64)).shape[1:])


@pytest.mark.parametrize("kind", ["instruct_pix2pix"])
def test_timesteps_are_those_of_the_same_noise(editor: Any, folders: Mapping[str, Path]) -> None:
    import torch

    alphas = editor._schedule.alphas_cumprod.double()
    picture, noise = alphas.sqrt(), (1 - alphas).sqrt()
    t = picture / (picture + noise)
    torch.testing.assert_close(editor.timesteps(t), torch.arange(1000.0), atol=1e-3, rtol=0)
    dense = editor.timesteps(torch.linspace(0, 1, 5001))
    assert dense[0] == 999
    assert dense[-1] == 0
    assert (dense.diff() <= 0).all()


@every_kind
@pytest.mark.parametrize("size", SIZES)
def test_pixels_align(kind: str, size: tuple[int, int], editor: Any) -> None:
    import torch

    see_locally(editor.vae)
    rgb = tensor(picture(*size)) * 0.2
    x = editor.encode_image(rgb)
    back = editor.decode(x)
    assert back.shape == rgb.shape
    cell = size[0] // x.shape[-2]
    assert (x.shape[-2] * cell, x.shape[-1] * cell) == size
    assert editor.multiple_of % cell == 0
    for row, column in [(0, 0), (x.shape[-2] // 2, 1), (x.shape[-2] - 1, x.shape[-1] - 1)]:
        top, left = row * cell, column * cell
        marked = rgb.clone()
        marked[..., top : top + cell, left : left + cell] += 0.8
        found = brightest(editor.encode_image(marked) - x)
        assert abs(found[0] - row) <= 1
        assert abs(found[1] - column) <= 1
        changed = x.clone()
        changed[..., row, column] += 1
        found = brightest(
            torch.nn.functional.avg_pool2d((editor.decode(changed) - back) ** 2, cell)
        )
        assert abs(found[0] - row) <= 1
        assert abs(found[1] - column) <= 1


def see_locally(vae: Any) -> None:
    """Leave an autoencoder only the convolutions that change its size, as means.

    What a random one sees of a pixel elsewhere drowns it, and its kernels' weights lie anywhere.
    """
    import torch

    with torch.no_grad():
        for name, parameter in vae.named_parameters():
            if any(part in name for part in (".conv2.", ".to_out.", ".proj.")):
                parameter.zero_()
            elif parameter.ndim >= 4:
                parameter.abs_()
    for part in (vae.encoder, vae.decoder):
        part.conv_norm_out = part.conv_act = torch.nn.Identity()
        part.norm_out = part.nonlinearity = torch.nn.Identity()  # Qwen's names
    with torch.no_grad():
        vae.decoder.conv_out.weight.mul_(1e-4)  # Qwen's clips its picture to -1..1


def brightest(change: Tensor) -> tuple[int, int]:
    energy = change.square().sum((0, 1))
    return divmod(int(energy.argmax()), energy.shape[1])


@every_kind
def test_what_stands_beside_a_row_changes_no_encoding(kind: str, editor: Any) -> None:
    import torch

    both = torch.cat([tensor(picture(64, 80, seed)) for seed in (0, 1)])
    x = editor.encode_image(both)
    assert torch.equal(x[1:], editor.encode_image(both[1:]))
    assert torch.equal(editor.decode(x)[1:], editor.decode(x[1:]))
    texts = editor.encode_text([PROMPT, ""], torch.device("cpu"))
    alone = editor.encode_text([""], torch.device("cpu"))
    length = alone["tokens"].shape[1]  # Qwen's texts are padded to the longest
    assert all(torch.equal(texts[name][1:, :length], alone[name]) for name in alone)
    assert not torch.equal(texts["tokens"][0], texts["tokens"][1])
    assert "seen" not in texts or texts["seen"].sum(1).tolist()[1] == length


@every_kind
def test_kept_encodings_are_those_that_are_made(
    kind: str, editor: Any, folders: Mapping[str, Path], tmp_path: Path
) -> None:
    import torch

    from vbdata.train.adapter import make_editor

    rgb = torch.cat([tensor(picture(64, 80, seed)) for seed in (0, 1)])
    made = editor.encode_image(rgb), editor.encode_text([PROMPT, ""], torch.device("cpu"))
    cache = {"texts": "disk", "images": "disk", "folder": str(tmp_path)}
    model = {"kind": kind, "path": str(folders[kind]), "cache": cache}
    first, second = (cast(Any, make_editor(model)) for _ in range(2))
    second._load_texts = second._encode = None
    for one in (first, second, second):
        assert torch.equal(one.encode_image(rgb), made[0])
        texts = one.encode_text([PROMPT, ""], torch.device("cpu"))
        assert all(torch.equal(texts[name], value) for name, value in made[1].items())
    assert len(list(tmp_path.rglob("*.safetensors"))) == 4


def example(kind: str) -> Any:
    return load_config(REPOSITORY / "manifests" / "train" / f"{kind}.yaml")


@every_kind
def test_lora_trains_only_the_adapters(kind: str, editor: Any) -> None:
    import torch

    from vbdata.train.lora import add_lora

    base = {name: p.detach().clone() for name, p in editor.module.named_parameters()}
    add_lora(editor, Lora(rank=4, alpha=4, targets=example(kind).lora.targets))
    trained = [p for p in editor.module.parameters() if p.requires_grad]
    condition = given(editor, picture(64, 64))
    x = editor.encode_image(tensor(picture(64, 64, 1)))
    noise = normal(x.shape)
    t = torch.tensor([0.3])
    z = t * x + (1 - t) * noise
    optimizer = torch.optim.AdamW(trained, lr=3e-2)
    losses = []
    for _ in range(12):
        loss = (editor.predict(z, t, condition) - x).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0], losses
    after = {n.replace(".base_layer", ""): p for n, p in editor.module.named_parameters()}
    assert all(torch.equal(after[name], value) for name, value in base.items())
    assert all("lora_" in n for n, p in editor.module.named_parameters() if p.requires_grad)
    assert all(p.dtype == torch.float32 for p in trained)
    assert all(p.abs().sum() > 0 for p in trained)
    assert not [p for p in editor.vae.parameters() if p.requires_grad]


def run_of(kind: str, build: Path, folders: Mapping[str, Path], **sections: Any) -> Any:

    found = runs.raw(build, **sections)
    found["model"] = {"kind": kind, "path": str(folders[kind])}
    found |= {"batch": 2, "steps": 4, "lora": {"rank": 2, "targets": example(kind).lora.targets}}
    found["data"] |= {"size": 64, "aspects": ["4:3", "1:1"]}
    return runs.check_config(found, Path("/"))


@every_kind
def test_a_run_resumes_bit_for_bit(
    kind: str, pipeline: Any, demo_build: Path, folders: Mapping[str, Path], tmp_path: Path
) -> None:
    import torch

    from vbdata.train import checkpoint, flow
    from vbdata.train.export import export_lora
    from vbdata.train.loop import train
    from vbdata.train.predict import load_trained

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(run_of(kind, demo_build, folders), whole)
    train(run_of(kind, demo_build, folders, run={"stop": 2}), broken)
    train(run_of(kind, demo_build, folders, run={"workers": 2}), broken)
    assert runs.lines(whole) == runs.lines(broken)
    runs.same(runs.state(whole, 4), runs.state(broken, 4))
    (found,) = (path for path in checkpoint.complete(whole) if path.name.endswith("4"))
    _, editor = load_trained(found, torch.device("cpu"))
    kept = torch.load(whole / "whole-4.pt", weights_only=True)["average"]
    own = dict(editor.module.named_parameters())
    assert kept
    assert all("lora_" in name and torch.equal(own[name], value) for name, value in kept.items())
    rgb = picture(64, 64)
    condition = given(editor, rgb)
    noise = normal(condition.reference.shape)
    ours = (editor.decode(flow.sample(editor, noise, condition, 2)) / 2 + 0.5).clamp(0, 1)
    before = asked(kind, pipeline, rgb, noise, False, (64, 64), steps=2)
    pipeline.load_lora_weights(export_lora(whole, tmp_path).parent)
    after = asked(kind, pipeline, rgb, noise, False, (64, 64), steps=2)
    torch.testing.assert_close(ours, after, atol=1e-5, rtol=0)
    assert (before - after).abs().max() > 1e-3


@pytest.mark.parametrize("kind", ["instruct_pix2pix"])
def test_the_ceiling_is_what_the_autoencoder_leaves(editor: Any, demo_build: Path) -> None:
    from vbdata.train.ceiling import ceiling

    build = BuildTruth(Folder(str(demo_build)))
    how = EvaluationOptions(trivial=False, tasks=("depth",), limit=2)
    spoiled = ceiling(editor, build, options=how)
    editor.encode_image = editor.decode = lambda x: x
    lossless = ceiling(editor, build, options=how)
    for report, same in ((spoiled, False), (lossless, True)):
        assert report["samples"]["scored"] == 2
        for result in report["results"]:
            rows = {row["name"]: row["metrics"] for row in result["rows"]}
            assert (rows["prediction"] == rows["ceiling"]) is same


@pytest.mark.parametrize("kind", ["flux2_klein"])
@pytest.mark.parametrize("size", [(64, 64), (70, 101), (33, 16)])
def test_a_round_trip_keeps_the_size(size: tuple[int, int], editor: Any) -> None:
    from vbdata.train.ceiling import round_trip

    target = picture(*size)
    assert round_trip(editor, target).shape == target.shape
    editor.encode_image = editor.decode = lambda x: x
    assert np.array_equal(round_trip(editor, target), target)
    assert round_trip(editor, target, 64).shape[0] % editor.multiple_of == 0


@every_kind
def test_bfloat16_weights_give_float32_predictions(
    kind: str, editor: Any, folders: Mapping[str, Path]
) -> None:
    import torch

    from vbdata.train.adapter import make_editor, reworded

    half = make_editor({"kind": kind, "path": str(folders[kind]), "dtype": "bfloat16"})
    condition = given(editor, picture(64, 64))
    low = reworded(half, condition, [PROMPT])
    z, t = normal(condition.reference.shape), torch.tensor([0.4])
    with torch.no_grad():
        fine, coarse = editor.predict(z, t, condition), half.predict(z, t, low)
    assert coarse.dtype == torch.float32
    assert next(half.vae.parameters()).dtype == torch.float32
    assert torch.equal(half.encode_image(tensor(picture(64, 64))), condition.reference)
    assert 0 < float((fine - coarse).abs().mean()) < 0.3 * float(fine.std())
    with pytest.raises(RecipeError, match="must be float32"):
        half.predict(z, t, low)  # as if it were trained


@every_kind
def test_faults_say_what_was_found(kind: str, folders: Mapping[str, Path], tmp_path: Path) -> None:
    import torch

    from vbdata.train.adapter import make_editor

    with pytest.raises(RecipeError, match=r"model_index\.json cannot be read"):
        make_editor({"kind": kind, "path": str(tmp_path)})
    other = KINDS[(KINDS.index(kind) + 1) % len(KINDS)]
    with pytest.raises(RecipeError, match="Pipeline, expected a"):
        make_editor({"kind": kind, "path": str(folders[other])})
    with pytest.raises(RecipeError, match="unknown key"):
        make_editor({"kind": kind, "path": str(folders[kind]), "revision": "main"})
    with pytest.raises(RecipeError, match="not multiples of"):
        make_editor({"kind": kind, "path": str(folders[kind])}).encode_image(
            torch.zeros(1, 3, 60, 64)
        )


def copied(folder: Path, to: Path, edit: Callable[[Path], None]) -> str:
    import shutil

    shutil.copytree(folder, to)
    edit(to)
    return str(to)


def test_a_distilled_model_is_refused(folders: Mapping[str, Path], tmp_path: Path) -> None:
    from vbdata.train.adapter import make_editor

    def distil(folder: Path) -> None:
        index = folder / "model_index.json"
        index.write_text(json.dumps(json.loads(index.read_text()) | {"is_distilled": True}))

    path = copied(folders["flux2_klein"], tmp_path / "distilled", distil)
    with pytest.raises(RecipeError, match="distilled"):
        make_editor({"kind": "flux2_klein", "path": path})


def test_pickled_weights_are_refused(folders: Mapping[str, Path], tmp_path: Path) -> None:
    import torch

    from vbdata.train.adapter import make_editor

    def pickle(folder: Path) -> None:
        weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
        weights.unlink()
        torch.save({}, weights.with_suffix(".bin"))

    path = copied(folders["instruct_pix2pix"], tmp_path / "pickled", pickle)
    with pytest.raises(RecipeError, match="unet"):
        make_editor({"kind": "instruct_pix2pix", "path": path})


def test_a_long_text_is_cut_with_a_warning(folders: Mapping[str, Path]) -> None:
    import torch

    from vbdata.train.adapter import make_editor

    editor = make_editor({"kind": "instruct_pix2pix", "path": str(folders["instruct_pix2pix"])})
    with pytest.warns(UserWarning, match="cut to CLIP's 77 tokens"):
        editor.encode_text(["Colour it. " * 60], torch.device("cpu"))
    model = {"kind": "flux2_klein", "path": str(folders["flux2_klein"]), "text_length": 64}
    with pytest.warns(UserWarning, match="cut to 64 tokens"):
        make_editor(model).encode_text(["Colour it. " * 60], torch.device("cpu"))


def test_the_blocks_of_the_page_run(
    demo_build: Path, demo_recipe: Recipe, folders: Mapping[str, Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from vbdata.train.loop import train

    monkeypatch.chdir(tmp_path)
    (kitti,) = (each for each in demo_recipe.sources if each.name == "kitti")
    engine.build(
        replace(demo_recipe, samples=2, shard_size=2, sources=(kitti,)), Folder("out"), How()
    )
    kontext = run_of("flux1_kontext", demo_build, folders, run={"stop": 1})
    train(kontext, tmp_path / "runs" / "kontext")
    page = (REPOSITORY / "docs" / "adapters.md").read_text()
    ceiling, lora = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    seen: dict[str, Any] = {}
    exec(ceiling.replace("/models/FLUX.2-klein-base-4B", str(folders["flux2_klein"])), seen)
    assert seen["report"]["samples"]["scored"] == 2
    seen["pipeline"] = tiny_pipelines.loaded("flux1_kontext", folders["flux1_kontext"])
    exec(lora, seen)
    assert seen["pipeline"].get_list_adapters()
