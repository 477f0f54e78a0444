"""Qwen-Image-Edit: what its text encoder sees, where its reference lies, what is hidden from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers import tiny_pipelines
from tests.helpers import train_runs as runs
from tests.helpers.builds import REPOSITORY
from vbdata.train.config import Lora, load_config

if TYPE_CHECKING:
    import torch

if TYPE_CHECKING:
    from torch import Tensor

    from vbdata.train.adapter import Editor

pytestmark = [tiny_pipelines.needs_editors, pytest.mark.slow]

KIND = "qwen_image_edit"
PROMPT = "Paint the depth of the scene: near is black."


def both() -> torch.Tensor:
    import torch

    return torch.tensor([True, True])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:

    found = tmp_path_factory.mktemp("qwen") / "checkpoint"
    tiny_pipelines.qwen_image_edit(found)
    return found


@pytest.fixture
def editor(folder: Path) -> Any:
    from vbdata.train.adapter import make_editor

    return make_editor({"kind": KIND, "path": str(folder)})


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> Any:

    return tiny_pipelines.loaded(KIND, folder)


def pixels(height: int, width: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def tensor(*pictures: np.ndarray[Any, Any]) -> Tensor:
    import torch

    from vbdata.train import flow

    return flow.scaled(torch.from_numpy(np.stack(pictures)).movedim(-1, 1))


def normal(shape: Any, seed: int = 0) -> Tensor:
    import torch

    return torch.randn(tuple(shape), generator=torch.Generator().manual_seed(seed))


def resized(rgb: np.ndarray[Any, Any]) -> Image.Image:
    """As the pipeline shows a picture to the text encoder: about 384 x 384, multiples of 32."""
    height, width = rgb.shape[:2]
    wide = (384 * 384 * width / height) ** 0.5
    size = round(wide / 32) * 32, round(wide / (width / height) / 32) * 32
    return Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS)


@pytest.mark.parametrize("size", [(64, 64), (64, 112), (128, 80)])
def test_texts_are_those_of_the_pipeline(size: tuple[int, int], editor: Any, pipeline: Any) -> None:
    import torch

    rgb = pixels(*size)
    theirs, _ = pipeline.encode_prompt(PROMPT, image=[resized(rgb)], device=torch.device("cpu"))
    ours = editor.encode_text_with_reference([PROMPT], tensor(rgb), both()[:1])
    torch.testing.assert_close(ours["tokens"], theirs, atol=1e-5, rtol=1e-5)
    assert ours["seen"].all()
    alone, _ = pipeline.encode_prompt(PROMPT, device=torch.device("cpu"))
    for found in (
        editor.encode_text([PROMPT], torch.device("cpu")),
        editor.encode_text_with_reference([PROMPT], tensor(rgb), ~both()[:1]),
    ):
        torch.testing.assert_close(found["tokens"], alone, atol=1e-5, rtol=1e-5)
    assert alone.shape[1] < theirs.shape[1] - 150  # a token for 28 x 28 pixels


def test_an_images_tokens_have_rows_and_columns(editor: Any, folder: Path) -> None:
    """transformers 5 gives an image's tokens the places of text unless it is told what they are."""
    import torch

    untold = tiny_pipelines.loaded(KIND, folder)
    untold.text_encoder._forward_pre_hooks.clear()
    rgb = pixels(64, 96)
    theirs, _ = untold.encode_prompt(PROMPT, image=[resized(rgb)], device=torch.device("cpu"))
    ours = editor.encode_text_with_reference([PROMPT], tensor(rgb), both()[:1])["tokens"]
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().mean() > 1e-3


def test_pixels_become_patches_by_the_formula(editor: Any, pipeline: Any) -> None:
    """A literal transcription: (pixel / 255 - mean) / std, 14 x 14 patches, two equal frames.

    Patches stand in groups of 2 x 2, a patch is (channel, frame, row, column).
    """
    image = resized(pixels(64, 96)).resize((56, 84), Image.Resampling.BICUBIC)
    found = pipeline.processor.image_processor(image, return_tensors="np")
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    x = (np.asarray(image) / 255.0 - mean) / std
    rows = []
    for top in range(0, 84, 28):
        for left in range(0, 56, 28):
            for a, b in ((0, 0), (0, 14), (14, 0), (14, 14)):
                patch = x[top + a : top + a + 14, left + b : left + b + 14]
                rows.append(np.stack([patch, patch]).transpose(3, 0, 1, 2).ravel())
    np.testing.assert_allclose(found["pixel_values"], np.stack(rows), atol=1e-5)
    assert found["image_grid_thw"].tolist() == [[1, 6, 4]]


def test_the_text_sees_the_picture_and_padding_changes_nothing(editor: Any) -> None:
    import torch

    from vbdata.train.adapter import conditioned

    one, other = pixels(64, 96), pixels(64, 96, 1)
    texts = [PROMPT, "Short."]
    rows = editor.encode_text_with_reference(texts, tensor(one, other), both())
    assert rows["seen"].sum(1).tolist()[1] < rows["tokens"].shape[1]
    changed = editor.encode_text_with_reference(texts, tensor(one, one), both())
    assert torch.equal(changed["tokens"][0], rows["tokens"][0])
    assert not torch.equal(changed["tokens"][1], rows["tokens"][1])
    z, t = normal((2, 4, 8, 12)), torch.tensor([0.2, 0.6])
    condition = conditioned(editor, tensor(one, other), both(), texts)
    single = conditioned(editor, tensor(other), both()[1:], texts[1:])
    with torch.no_grad():
        together = editor.predict(z, t, condition)
        alone = editor.predict(z[1:], t[1:], single)
    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=1e-4)


def test_a_hidden_reference_is_not_seen(editor: Any) -> None:
    """In a batch where another row's is known."""
    import torch

    from vbdata.train.adapter import Condition, conditioned

    rgb, other = pixels(64, 64), pixels(64, 64, 1)
    z, t = normal((2, 4, 8, 8)), torch.tensor([0.3, 0.3])
    known = torch.tensor([True, False])
    one = conditioned(editor, tensor(rgb, rgb), known, [PROMPT, PROMPT])
    two = conditioned(editor, tensor(rgb, other), known, [PROMPT, PROMPT])
    with torch.no_grad():
        assert torch.equal(editor.predict(z, t, one), editor.predict(z, t, two))
        shown = editor.predict(z, t, replace(two, known=both()))
        # Alone it has no tokens of a reference at all.
        alone = Condition(two.reference[1:], known[1:], {k: v[1:] for k, v in two.text.items()})
        bare = editor.predict(z[1:], t[1:], alone)
    assert not torch.allclose(shown[1], editor.predict(z, t, two)[1], atol=1e-3)
    torch.testing.assert_close(editor.predict(z, t, two)[1:], bare, atol=1e-5, rtol=1e-4)


def test_the_reference_lies_on_the_picture(editor: Any) -> None:
    """The same rows and columns in the next frame; the pipeline itself would resize it."""
    import torch
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as module

    from vbdata.train.adapter import conditioned

    asked: list[Any] = []
    editor.module.pos_embed.register_forward_pre_hook(lambda _, args: asked.append(args[0]))
    condition = conditioned(editor, tensor(pixels(64, 112)), both()[:1], [PROMPT])
    z = normal(condition.reference.shape)
    with torch.no_grad():
        editor.predict(z, torch.zeros(1), condition)
    assert asked == [[[(1, 4, 7), (1, 4, 7)]]]
    assert module.calculate_dimensions(module.VAE_IMAGE_SIZE, 112 / 64) == (1344, 768)
    turns, _ = editor.module.pos_embed([asked[0][0]], max_txt_seq_len=1, device=torch.device("cpu"))
    picture, reference = turns.chunk(2)
    frame = editor.module.pos_embed.axes_dim[0] // 2  # channels that turn with the frame
    assert torch.equal(picture[:, frame:], reference[:, frame:])
    assert not torch.equal(picture[:, :frame], reference[:, :frame])


def test_a_shift_of_the_input_is_the_same_shift_of_the_grid(editor: Any) -> None:
    """By one token, 16 pixels; away from the edges, without the attention over the whole."""
    import torch

    with torch.no_grad():
        for name, parameter in editor.vae.named_parameters():
            if ".proj." in name:
                parameter.zero_()
    wide = tensor(pixels(16, 384))
    x, moved = editor.encode_image(wide), editor.encode_image(wide.roll(16, -1))
    inside = slice(14, 34)  # a convolution sees some ten cells of 8 pixels to each side
    shifted = x.roll(2, -1)[..., inside]
    torch.testing.assert_close(moved[..., inside], shifted, atol=1e-6, rtol=0)
    for off in (1, 3):
        assert (moved[..., inside] - x.roll(off, -1)[..., inside]).abs().max() > 1e-2
    x = 20 * normal(x.shape)
    rgb, back = editor.decode(x), editor.decode(x.roll(2, -1))
    pixel = slice(8 * 14, 8 * 34)
    torch.testing.assert_close(back[..., pixel], rgb.roll(16, -1)[..., pixel], atol=1e-6, rtol=0)
    assert (back[..., pixel] - rgb.roll(15, -1)[..., pixel]).abs().max() > 1e-3


@pytest.mark.parametrize("keep", ["disk", "memory"])
def test_kept_texts_are_those_of_their_pictures(keep: str, folder: Path, tmp_path: Path) -> None:
    import torch

    from vbdata.train.adapter import make_editor

    model = {
        "kind": KIND,
        "path": str(folder),
        "cache": {"texts": keep, "folder": str(tmp_path)},
    }
    editor: Any = make_editor(model)
    rgb = tensor(pixels(64, 96), pixels(64, 96, 1))
    made = editor.encode_text_with_reference([PROMPT, PROMPT], rgb, both())
    later: Any = make_editor(model) if keep == "disk" else editor
    later.__dict__["_reader"] = None
    again = later.encode_text_with_reference([PROMPT, PROMPT], rgb, both())
    assert all(torch.equal(again[name], made[name]) for name in made)
    assert not torch.equal(made["tokens"][0], made["tokens"][1])
    assert len(list(tmp_path.rglob("*.safetensors"))) == (2 if keep == "disk" else 0)
    with pytest.raises(TypeError):  # it would have to be made
        later.encode_text_with_reference([PROMPT, PROMPT], rgb.flip(-1), both())
    with pytest.raises(TypeError):
        later.encode_text_with_reference([PROMPT], rgb[:1], ~both()[:1])


def test_guidance_keeps_each_tokens_length(editor: Any) -> None:
    import torch

    z, x, plain = (normal((2, 4, 8, 12), seed) for seed in range(3))
    found = editor.adjust_guidance(z, x, plain)
    tokens = [t.view(2, 4, 4, 2, 6, 2).permute(0, 2, 4, 1, 3, 5).flatten(3) for t in
              (z - found, z - x, z - plain)]  # fmt: skip
    length = [t.norm(dim=-1) for t in tokens]
    torch.testing.assert_close(length[0], length[2])
    cosine = torch.nn.functional.cosine_similarity(tokens[0], tokens[1], dim=-1)
    torch.testing.assert_close(cosine, torch.ones_like(cosine))
    assert torch.equal(editor.adjust_guidance(z, z, plain), z)  # nothing has no direction


@pytest.mark.parametrize("rank", [0, 2])
def test_all_that_is_trained_has_a_gradient(rank: int, editor: Any) -> None:
    """Processes that share gradients wait for one of every parameter."""
    import torch

    from vbdata.train.adapter import conditioned
    from vbdata.train.lora import add_lora

    targets = load_config(REPOSITORY / "manifests" / "train" / f"{KIND}.yaml").lora.targets
    add_lora(editor, Lora(rank=rank, targets=targets))
    condition = conditioned(editor, tensor(pixels(64, 64)), both()[:1], [PROMPT])
    editor.predict(normal((1, 4, 8, 8)), torch.tensor([0.3]), condition).square().sum().backward()
    trained = {name: p for name, p in editor.module.named_parameters() if p.requires_grad}
    assert len(trained) > 20
    assert not [name for name, p in trained.items() if p.grad is None]
    last = [name for name in trained if "transformer_blocks.1.attn.add_v" in name]
    assert last  # of the last block's text only what nothing reads is left out


def test_a_run_hands_the_pictures_over(
    editor: Any, folder: Path, demo_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the loss, the drawn samples, the answers: a text never goes without its picture."""
    from vbdata.train.loop import train
    from vbdata.train.predict import predict

    seen: list[tuple[str, bool]] = []
    kind: Any = type(editor)
    look = kind._look

    def noted(self: Any, text: str, picture: Tensor | None, where: torch.device) -> Any:
        seen.append((text, picture is not None))
        return look(self, text, picture, where)

    monkeypatch.setattr(kind, "_look", noted)
    section = {"grid_every": 2, "grid": 2, "grid_steps": 2}
    raw: Mapping[str, Any] = runs.raw(
        demo_build, steps=2, batch=2, run=section, lora={"rank": 2, "targets": ".*to_q"}
    )
    raw = {**raw, "model": {"kind": KIND, "path": str(folder)}}
    raw["data"].update({"size": 32, "aspects": ["1:1"], "mixture": {"depth": 1}})
    raw["loss"] = {"drop_text": 0, "drop_image": 0, "drop_both": 0}
    train(runs.check_config(raw, Path("/")), tmp_path / "run")
    assert len(seen) >= 4
    assert all(looked and text for text, looked in seen)
    seen.clear()
    assert predict(tmp_path / "run", str(demo_build), tmp_path / "out", 2, (2.0, 1.5),
                   tasks=["depth"], batch=8) > 0  # fmt: skip
    assert {(bool(text), looked) for text, looked in seen} == {
        (True, True), (False, True), (False, False)
    }  # fmt: skip


def test_a_text_without_its_picture_is_refused(editor: Editor) -> None:
    from vbdata.train.adapter import conditioned, reworded

    condition = conditioned(editor, tensor(pixels(64, 64)), both()[:1], [PROMPT])
    with pytest.raises(AssertionError, match="looks at the pixels"):
        reworded(editor, replace(condition, rgb=None), [""])
