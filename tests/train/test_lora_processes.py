"""LoRA on two processes: FSDP2 and DDP, float32 adapters on a bfloat16 base, resumed, exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers import tiny_pipelines
from tests.helpers import train_runs as runs
from vbdata.train.config import Lora, load_config

pytestmark = [tiny_pipelines.needs_editors, pytest.mark.slow]

STEPS, SAVED = 4, 2
KIND = "qwen_image_edit"  # its last block has parts that are not trained
MODULES = ("diffusers.models.transformers.transformer_qwenimage", "peft")
FLOW = {"kind": "flow", **runs.TINY["model"]}


def written(path: Path, build: Path, folder: Path) -> Path:
    lora = {"rank": 3, "targets": r".*attn\.(to_q|add_q_proj|to_out\.0|to_add_out)"}
    run = {"parallel": "fsdp"}
    raw = runs.raw(build, steps=STEPS, batch=4, lora=lora, run=run, precision="bf16")
    raw["model"] = {"kind": KIND, "path": str(folder), "dtype": "bfloat16"}
    raw["data"] |= {"size": 32, "aspects": ["1:1"]}
    path.write_text(yaml.safe_dump(raw))
    return path


@pytest.fixture(scope="module")
def done(demo_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All runs of two processes, by name."""

    base = tmp_path_factory.mktemp("lora")
    tiny_pipelines.BUILDERS[KIND](base / "weights")
    config = written(base / "config.yaml", demo_build, base / "weights")
    plain = [f"model={yaml.safe_dump(FLOW, default_flow_style=True)}"]
    flow = [*plain, f"init={base / 'plain'}", "lora.targets=.*[.]q"]
    wanted = {
        "plain": [*plain, "lora.rank=0"],
        "whole": [],
        "broken": [f"run.stop={SAVED}"],
        "fine": ["precision=fp32"],
        "ddp": ["run.parallel=ddp"],
        "flow": flow,
        "flow-broken": [*flow, f"run.stop={SAVED}"],
    }
    first = {base / name: settings for name, settings in wanted.items()}
    fresh = {base / "broken": [], base / "flow-broken": flow}
    runs.run_several(config, [first, fresh], MODULES)
    return base


@pytest.mark.parametrize(("whole", "broken"), [("whole", "broken"), ("flow", "flow-broken")])
def test_sharded_lora_resumes_bit_for_bit(done: Path, whole: str, broken: str) -> None:
    import torch

    from vbdata.train import checkpoint

    assert [path.name for path in checkpoint.complete(done / broken)] == [
        f"step-{SAVED:08d}",
        f"step-{STEPS:08d}",
    ]
    assert runs.lines(done / whole) == runs.lines(done / broken)
    one = runs.state(done / whole, STEPS)
    runs.same(one, runs.state(done / broken, STEPS))
    assert runs.exported(done / whole, STEPS) == runs.exported(done / broken, STEPS)
    adapters = {name: t for name, t in one.items() if name.startswith("parameters/")}
    assert adapters
    for name, tensor in adapters.items():
        assert "lora_" in name
        assert tensor.dtype == torch.float32
        assert tensor.any(), f"{name} was not trained"
    moved = {name: t for name, t in one.items() if name.endswith("exp_avg")}
    assert len(moved) == len(adapters)
    assert all(tensor.any() for tensor in moved.values())


def test_ddp_and_a_float32_forward_train_the_same_adapters(done: Path) -> None:
    import torch

    whole, ddp, fine = (runs.lines(done / name) for name in ("whole", "ddp", "fine"))
    for a, b, c in zip(whole, ddp, fine, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)
        assert a["grad_norm"] == pytest.approx(b["grad_norm"], rel=1e-2)
        assert a["loss"] == pytest.approx(c["loss"], rel=1e-2)
        assert a["loss"] != c["loss"]
    one, other = (runs.state(done / name, STEPS) for name in ("whole", "ddp"))
    for name in one:
        if name.startswith("parameters/"):
            torch.testing.assert_close(one[name], other[name], atol=1e-3, rtol=0)


def test_one_process_goes_on_and_exports_what_two_have_saved(done: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    from vbdata.train import checkpoint
    from vbdata.train.export import export_lora
    from vbdata.train.loop import train
    from vbdata.train.predict import load_trained

    config = load_config(done / "config.yaml")
    assert train(config, done / "whole")["step"] == STEPS
    (found,) = (path for path in checkpoint.complete(done / "whole") if path.name.endswith("4"))
    kept = {
        name.removeprefix("average/"): tensor
        for name, tensor in runs.state(done / "whole", STEPS).items()
        if name.startswith("average/")
    }
    own = dict(load_trained(found, torch.device("cpu"))[1].module.named_parameters())
    file = load_file(export_lora(done / "whole", tmp_path))
    assert len(file) == len(kept) > 4
    for name, tensor in kept.items():
        assert torch.equal(own[name], tensor)
        assert torch.equal(file[f"transformer.{name.replace('.default', '')}"], tensor)


@pytest.mark.parametrize("rank", [0, 3])
def test_what_is_trained_is_float32_on_a_bfloat16_base(rank: int, done: Path) -> None:
    """rank 0 trains the whole: the same numbers, as float32."""
    import torch

    from vbdata.train.adapter import make_editor
    from vbdata.train.lora import add_lora

    model = {"kind": KIND, "path": str(done / "weights"), "dtype": "bfloat16"}
    editor: Any = make_editor(model)
    before = {name: p.detach().clone() for name, p in editor.module.named_parameters()}
    add_lora(editor, Lora(rank=rank, targets=r".*\.to_q"))
    after = {n.replace(".base_layer", ""): p for n, p in editor.module.named_parameters()}
    for name, value in before.items():
        assert value.dtype == torch.bfloat16
        assert after[name].dtype == (torch.bfloat16 if rank else torch.float32)
        assert torch.equal(after[name].bfloat16(), value)
    trained = [p for p in editor.module.parameters() if p.requires_grad]
    assert trained
    assert {p.dtype for p in trained} == {torch.float32}
    text = editor.encode_text(["a"], torch.device("cpu"))
    assert text["tokens"].dtype == torch.bfloat16
