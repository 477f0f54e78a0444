"""The loss is the formula, the noise is its key's, the mask counts pixels, the samplers arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.helpers import train_runs as runs
from vbdata.core.rng import mix64
from vbdata.train.config import Config, Loss, Optim
from vbdata.train.data import Corpus, open_builds
from vbdata.train.sampling import Sampler

if TYPE_CHECKING:
    import torch
    from torch import nn

    from vbdata.train.parallel import World

if TYPE_CHECKING:
    from torch import Tensor

    from vbdata.train.adapter import Condition
    from vbdata.train.loader import Batch


def alone() -> World:
    import torch

    from vbdata.train.parallel import World

    return World(0, 1, torch.device("cpu"), None)


@pytest.fixture(scope="module")
def corpus(demo_build: Path) -> Corpus:
    return open_builds([str(demo_build)])


def first_batches(config: Config, corpus: Corpus) -> list[Batch]:
    from vbdata.train.loader import Loader

    sampler = Sampler(config, corpus, 4)
    return next(Loader(config, corpus, sampler).steps(0, 1))[1]


def awake(editor: Any) -> Any:
    """Give the layers that start at zero some weight, so that gradients reach everything."""
    import torch

    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in editor.module.parameters():
            if not parameter.any():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.02)
    return editor


class Fixed:
    """An editor whose answer is given: what the loss makes of it can be computed by hand."""

    def __init__(self, answer: Tensor) -> None:
        import torch
        from torch import nn

        self.answer, self.seen = answer, torch.empty(0)
        self.module: nn.Module = nn.Identity()
        self.multiple_of = 1
        self.blocks: Sequence[nn.Module] = ()

    def encode_image(self, rgb: Tensor) -> Tensor:
        return rgb

    def encode_text(self, texts: Sequence[str], where: torch.device) -> Any:
        return None

    def predict(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        self.seen = z
        return self.answer

    def decode(self, x: Tensor) -> Tensor:
        return x


def batch_of(n: int, vision: bool) -> Batch:
    import torch

    from vbdata.train.loader import Batch

    generator = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (n, 3, 6, 8), generator=generator, dtype=torch.uint8)
    valid = torch.rand(n, 6, 8, generator=generator) < 0.5
    return Batch(
        given=pixels.flip(0),
        target=pixels,
        valid=valid,
        known=torch.ones(n, dtype=torch.bool),
        task=torch.zeros(n, dtype=torch.int64),
        vision=torch.full((n,), vision),
        t=torch.linspace(0, 0.99, n),
        noise=torch.arange(n) * 977,
        texts=("",) * n,
        weight=int(valid.sum()),
    )


def test_the_loss_is_that_of_the_formula() -> None:
    import torch

    from vbdata.train import flow

    x = flow.scaled(batch_of(8, False).target).double()
    answer = torch.randn(8, 3, 6, 8, generator=torch.Generator().manual_seed(5))
    for vision in (False, True):
        batch, editor = batch_of(8, vision), Fixed(answer)
        sums = flow.row_losses(editor, batch, Loss())
        noise = flow.noise(batch.noise, (3, 6, 8)).double()
        t = batch.t.double().view(-1, 1, 1, 1)
        z = t * x + (1 - t) * noise
        assert torch.allclose(editor.seen.double(), z, atol=1e-6)
        denominator = torch.ones_like(t) if vision else (1 - t).clamp_min(0.05)
        v, v_predicted = (x - z) / denominator, (answer.double() - z) / denominator
        wanted = ((v - v_predicted) ** 2).mean(1)  # channels
        for row in range(8):
            by_hand = wanted[row][batch.valid[row]].sum()
            assert float(sums.loss[row]) == pytest.approx(float(by_hand), rel=1e-5)
            assert int(sums.weight[row]) == int(batch.valid[row].sum())


def test_invalid_pixels_count_for_nothing() -> None:
    import torch

    from vbdata.train import flow

    batch = batch_of(4, True)
    answer = torch.zeros(4, 3, 6, 8, requires_grad=True)
    clean = flow.row_losses(Fixed(answer), batch, Loss()).loss
    hole = ~batch.valid[:, None].expand_as(batch.target)
    spoiled = batch.target.clone()
    spoiled[hole] = 255 - spoiled[hole]
    dirty = flow.row_losses(Fixed(answer), replace(batch, target=spoiled), Loss()).loss
    assert torch.equal(clean, dirty)
    nan = torch.where(hole, torch.nan, answer)
    assert torch.equal(flow.row_losses(Fixed(nan), batch, Loss()).loss, clean)
    (gradient,) = torch.autograd.grad(clean.sum(), answer)
    assert not gradient[hole].any()
    assert gradient[~hole].all()


def test_a_coarser_space_weighs_by_the_share_of_valid_pixels() -> None:
    import torch

    from vbdata.train import flow

    valid = torch.zeros(1, 4, 8, dtype=torch.bool)
    valid[:, :2, :4] = True
    valid[:, 2, 0] = True
    wanted = torch.tensor([[1.0, 1, 0, 0], [0.25, 0, 0, 0]])
    assert torch.equal(flow.coarser(valid, torch.empty(1, 16, 2, 4))[0, 0], wanted)


def test_noise_is_splitmix64_by_box_muller_and_a_rows_own() -> None:
    import torch

    from vbdata.train import flow

    keys = torch.tensor([5, -(2**62), 2**63 - 1])
    found = flow.noise(keys, (3, 5, 7))
    assert torch.equal(flow.noise(keys[1:2], (3, 5, 7))[0], found[1])
    golden = 0x9E3779B97F4A7C15
    for row, key in enumerate(keys.tolist()):
        state = np.array([(key + golden * k) % 2**64 for k in range(1, 54)], np.uint64)
        x = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
        u = ((x >> np.uint64(32)).astype(float) + 0.5) / 2**32
        angle = (x & np.uint64(0xFFFFFFFF)).astype(float) / 2**32 * 2 * np.pi
        radius = np.sqrt(-2 * np.log(u))
        wanted = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).reshape(-1)[:105]
        assert np.allclose(found[row].flatten().numpy(), wanted, atol=2e-5)
    words = mix64(np.arange(400, dtype=np.uint64), 9).view(np.int64)
    many = flow.noise(torch.from_numpy(words), (3, 16, 16)).double().flatten()
    assert float(many.mean()) == pytest.approx(0, abs=0.01)  # five standard errors
    assert float(many.var()) == pytest.approx(1, abs=0.013)
    assert float((many**4).mean()) == pytest.approx(3, abs=0.1)


@pytest.mark.slow
def test_one_pass_of_eight_and_four_of_two_give_the_same_gradients(
    demo_build: Path, corpus: Corpus
) -> None:
    import torch

    from vbdata.train.loop import backward, build_editor

    found = []
    for micro in (0, 2):
        config = runs.tiny(demo_build, run={"micro": micro})
        batches = first_batches(config, corpus)
        batches[0].valid[0] = False  # unequal weights: a mean of means would be off
        batches[0].valid[1, :7] = False
        editor = awake(build_editor(config)[0])
        total = sum(int(batch.valid.sum()) for batch in batches)
        backward(editor, batches, corpus, config, alone(), total)
        found.append({n: p.grad for n, p in editor.module.named_parameters()})
    assert any(float(grad.abs().max()) > 1e-3 for grad in found[0].values())
    for name, grad in found[0].items():
        # float32 sums in another order: a few units of 2**-24 over some thousand terms
        assert torch.allclose(grad, found[1][name], rtol=1e-4, atol=1e-6), name


@pytest.mark.slow
def test_recomputing_blocks_changes_no_gradient(demo_build: Path, corpus: Corpus) -> None:
    import torch

    from vbdata.train.loop import backward, build_editor
    from vbdata.train.parallel import spread

    found = []
    for recompute in (False, True):
        config = runs.tiny(demo_build, run={"recompute": recompute})
        batches = first_batches(config, corpus)
        editor = awake(build_editor(config)[0])
        spread(editor, config, alone())
        backward(editor, batches, corpus, config, alone(), 100.0)
        found.append([p.grad for p in editor.module.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_the_tally_sorts_losses_by_task_and_tenth(demo_build: Path) -> None:
    import torch

    from vbdata.train import flow

    batch = replace(batch_of(4, True), task=torch.tensor([0, 1, 1, 0]))
    batch = replace(batch, t=torch.tensor([0.0, 0.1, 0.95, 1.0]))
    sums = flow.Sums(torch.tensor([1.0, 2, 3, 4]), torch.tensor([10.0, 20, 30, 40]))
    table = flow.tally(sums, batch, 2)
    assert table[:2].tolist() == [[5, 50], [5, 50]]
    assert table[[2, 3, 11]].tolist() == [[1, 10], [2, 20], [7, 70]]
    assert table.sum() == 2 * (10 + 100)


class Linear(Fixed):
    """Predicts a fixed picture that depends on what it is told."""

    def predict(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        import torch

        known = condition.known.float().view(-1, 1, 1, 1)
        return torch.zeros_like(z) + known + 10 * condition.text.view(-1, 1, 1, 1)

    def encode_text(self, texts: Sequence[str], where: torch.device) -> Any:
        import torch

        return torch.tensor([float(len(text)) for text in texts])


def test_guidance_is_that_of_instruct_pix2pix() -> None:
    import torch

    from vbdata.train import flow
    from vbdata.train.adapter import Condition

    editor, z = Linear(torch.empty(0)), torch.zeros(2, 3, 4, 4)
    condition = Condition(z, torch.ones(2, dtype=torch.bool), torch.tensor([1.0, 1.0]))
    # empty 0, image 1, full 11: 0 + s_image (1 - 0) + s_text (11 - 1)
    x = flow.guided(editor, z, torch.zeros(2), condition, (3.0, 1.5))
    assert torch.equal(x, torch.full_like(x, 1.5 + 30))
    x = flow.guided(editor, z, torch.zeros(2), condition, (1.0, 1.0))
    assert torch.equal(x, torch.full_like(x, 11.0))


class Gaussian(Fixed):
    """The best prediction where all pictures are normal with deviation s: its flow is known."""

    s = 0.5

    def predict(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        t = t.view(-1, 1, 1, 1)
        return z * t * self.s**2 / (t**2 * self.s**2 + (1 - t) ** 2)


def test_the_samplers_follow_the_flow_and_heun_is_of_second_order() -> None:
    import torch

    from vbdata.train import flow
    from vbdata.train.adapter import Condition

    start = flow.noise(torch.tensor([1, 2]), (3, 8, 8))
    condition = Condition(start, torch.ones(2, dtype=torch.bool), None)

    def error(steps: int, heun: bool) -> float:
        x = flow.sample(Gaussian(torch.empty(0)), start, condition, steps, heun=heun)
        return float((x - Gaussian.s * start).abs().max())  # z(t) / deviation(t) is constant

    assert torch.equal(
        flow.sample(Gaussian(torch.empty(0)), start, condition, 1), torch.zeros_like(start)
    )
    assert error(64, False) < error(16, False) / 3
    assert error(64, True) < error(64, False) / 5
    assert error(64, True) < 0.02


class Uneven(Gaussian):
    """With a schedule of its own, which starts a little after pure noise."""

    first = 0.1

    def times(self, steps: int, shape: Sequence[int]) -> list[float]:
        return [self.first + (1 - self.first) * (k / steps) ** 2 for k in range(steps)]


def test_several_steps_stop_at_the_models_own_times_and_one_at_0() -> None:
    import torch

    from vbdata.train import flow
    from vbdata.train.adapter import Condition

    start = flow.noise(torch.tensor([1, 2]), (3, 8, 8))
    condition = Condition(start, torch.ones(2, dtype=torch.bool), None)
    seen: list[float] = []

    class Noting(Uneven):
        def predict(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
            seen.extend(t[:1].tolist())
            return super().predict(z, t, condition)

    editor = Noting(torch.empty(0))
    flow.sample(editor, start, condition, 1)
    flow.sample(editor, start, condition, 3)
    assert seen == pytest.approx([0, 0.1, 0.2, 0.5])
    # The noise counts as a z of the first time: as wide as one, (t s, 1 - t) long.
    many = flow.sample(editor, start, condition, 200, heun=True)
    t, s = editor.first, editor.s
    as_wide = start * (t**2 + (1 - t) ** 2) ** 0.5
    exact = s * as_wide / (t**2 * s**2 + (1 - t) ** 2) ** 0.5
    torch.testing.assert_close(many, exact, atol=2e-3, rtol=0)


def test_the_model_takes_any_size_and_hears_text_image_and_time() -> None:
    import torch

    from vbdata.train.adapter import Condition
    from vbdata.train.model import FlowEditor, Options

    torch.manual_seed(0)
    options = Options(dim=32, depth=2, heads=2, bottleneck=32, text_dim=32, text_depth=1)
    editor = awake(FlowEditor(options))
    for height, width in ((16, 16), (8, 24)):
        z = torch.randn(2, 3, height, width)
        text = editor.encode_text(["red ball", "é" * 300], z.device)
        known = torch.ones(2, dtype=torch.bool)
        base = editor.predict(z, torch.zeros(2), Condition(z, known, text))
        assert base.shape == z.shape
        other = editor.encode_text(["red bell", "é" * 300], z.device)
        changes = {
            "t": editor.predict(z, torch.tensor([0.5, 0.5]), Condition(z, known, text)),
            "image": editor.predict(z, torch.zeros(2), Condition(z + 1, known, text)),
            "blank": editor.predict(z, torch.zeros(2), Condition(z, ~known, text)),
            "z": editor.predict(z + 1, torch.zeros(2), Condition(z, known, text)),
        }
        for name, changed in changes.items():
            assert not torch.allclose(changed, base), name
        hears = editor.predict(z, torch.zeros(2), Condition(z, known, other))
        assert not torch.allclose(hears[0], base[0])
        assert torch.allclose(hears[1], base[1], atol=1e-6)
        unseen = editor.predict(z, torch.zeros(2), Condition(z + 1, ~known, text))
        assert torch.equal(unseen, changes["blank"])  # a picture that is not known is not seen


def test_words_are_cut_into_pieces_of_eight_bytes() -> None:
    from vbdata.train.model import pieces

    assert pieces(' Two  "red,"\n<0, 128>') == [
        b"Two", b'"', b"red", b",", b'"', b"<", b"0", b",", b"128", b">"
    ]  # fmt: skip
    assert pieces("photographs é") == [b"photogra", b"phs", "é".encode()]
    assert pieces("") == []


def test_padding_does_not_change_the_answer() -> None:
    import torch

    from vbdata.train.adapter import Condition
    from vbdata.train.model import FlowEditor, Options

    torch.manual_seed(0)
    editor = awake(FlowEditor(Options(dim=32, depth=1, heads=2, text_dim=32, text_depth=1)))
    z, known = torch.randn(1, 3, 16, 16), torch.ones(1, dtype=torch.bool)
    short = editor.encode_text(["blue"], z.device)
    long = editor.encode_text(["blue", "x" * 400], z.device)[:1]
    assert short.shape[1] < long.shape[1]
    one, two = (editor.predict(z, torch.zeros(1), Condition(z, known, t)) for t in (short, long))
    assert torch.allclose(one, two, atol=1e-5)


def test_the_schedules() -> None:
    from vbdata.train import optim

    cosine = [optim.learning_rate(Optim(lr=1.0, warmup=10), s, 110) for s in range(110)]
    assert cosine[:10] == pytest.approx([0.1 * k for k in range(1, 11)])
    assert cosine[10] == 1
    assert cosine[60] == pytest.approx(0.5)
    assert cosine[109] == pytest.approx(0, abs=1e-3)
    wsd = Optim(lr=1.0, warmup=10, schedule="wsd", decay=0.2)
    rates = [optim.learning_rate(wsd, s, 100) for s in range(100)]
    assert rates[10:81] == [1.0] * 71
    assert rates[90] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(0.05)


@pytest.mark.slow
def test_matrices_decay_and_the_average_follows() -> None:
    import torch

    from vbdata.train import optim
    from vbdata.train.model import FlowTransformer, Options
    from vbdata.train.parallel import evaluating

    module = FlowTransformer(Options(dim=32, depth=1, heads=2, text_dim=32, text_depth=1))
    parameters = optim.trained(module)
    groups = optim.adamw(Optim(), parameters).param_groups
    assert [g["weight_decay"] for g in groups] == [0.1, 0.0]
    assert all(p.ndim > 1 for p in groups[0]["params"])
    assert sum(len(g["params"]) for g in groups) == len(parameters)
    average = optim.Average(0.5, parameters)
    old = {name: p.detach().clone() for name, p in parameters.items()}
    with torch.no_grad():
        for p in parameters.values():
            p.add_(1)
    average.update(100)
    for name, value in average.values.items():
        assert torch.allclose(value, old[name] + 0.5, atol=1e-6)
    with evaluating(module, average.values):
        assert all(torch.equal(p, average.values[n]) for n, p in parameters.items())
    assert all(torch.equal(p, old[n] + 1) for n, p in parameters.items())
