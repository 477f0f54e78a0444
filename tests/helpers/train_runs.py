"""What the tests of the trainer share: a tiny config, runs as real processes, and their results."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.helpers.waiting import LONG_S
from vbdata.train.config import Config, check_config

if TYPE_CHECKING:
    import torch

TINY: dict[str, Any] = {
    "name": "tiny",
    "steps": 6,
    "batch": 8,
    "precision": "fp32",
    "data": {"size": 16, "window": 8, "aspects": ["4:3", "1:1"]},
    "model": {
        "dim": 32,
        "depth": 2,
        "heads": 2,
        "bottleneck": 32,
        "text_dim": 32,
        "text_depth": 1,
        "text_length": 32,
    },
    "optim": {"warmup": 2},
    "run": {"log_every": 2, "save_every": 0, "grid_every": 0, "tensorboard": False, "keep": 9},
}


def raw(build: Path, **sections: Any) -> dict[str, Any]:
    """TINY over a build; a section's keys are put over those of TINY."""
    found = copy.deepcopy(TINY)
    found["data"]["builds"] = [str(build)]
    for key, value in sections.items():
        found[key] = found.get(key, {}) | value if isinstance(value, dict) else value
    return found


def tiny(build: Path, **sections: Any) -> Config:
    return check_config(raw(build, **sections), Path("/"))


def write(path: Path, build: Path, **sections: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(raw(build, **sections)))
    return path


def command(config: Path, out: Path, *settings: str, processes: int = 1) -> list[str]:
    """`vbdata train` as a process of its own, or as several under torchrun."""
    start = [*torchrun(processes), "-m"] if processes > 1 else [sys.executable, "-m"]
    sets = [part for one in settings for part in ("--set", one)]
    return [*start, "vbdata.cli.train", str(config), "--out", str(out), *sets]


def run(config: Path, out: Path, *settings: str, processes: int = 1) -> str:
    """Run it to its end; what it said. Fails with its errors."""
    line = command(config, out, *settings, processes=processes)
    done = subprocess.run(line, capture_output=True, text=True, timeout=LONG_S)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


SEVERAL = """
import importlib, json, os, socket, sys
from pathlib import Path
import torch.distributed as dist
from vbdata.train.config import load_config
from vbdata.train.loop import train

def rank(number, port, runs):
    os.environ.update(RANK=str(number), LOCAL_RANK=str(number))
    os.environ.update(WORLD_SIZE="2", LOCAL_WORLD_SIZE="2")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    dist.init_process_group("gloo")
    for out, settings in runs.items():
        train(load_config(Path(sys.argv[1]), settings), Path(out))
    dist.destroy_process_group()

for name in sys.argv[3:]:
    importlib.import_module(name)
for runs in json.loads(sys.argv[2]):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    children = []
    for number in range(2):
        child = os.fork()
        if not child:
            rank(number, port, runs)
            sys.stdout.flush()
            os._exit(0)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    if any(codes):
        sys.exit(f"the two processes ended with {codes}")
"""


def run_several(
    config: Path, rounds: Sequence[dict[Path, list[str]]], modules: Sequence[str] = ()
) -> None:
    """Runs one after the other in two processes, and each round in two fresh ones.

    They are forks of a process that has imported torch and the modules, which takes longer than all
    that they do.
    """
    script = config.parent / "several.py"
    script.write_text(SEVERAL)
    text = json.dumps([{str(out): runs for out, runs in wanted.items()} for wanted in rounds])
    line = [sys.executable, str(script), str(config), text, *modules]
    done = subprocess.run(line, capture_output=True, text=True, timeout=LONG_S)
    assert done.returncode == 0, done.stderr[-12000:]


def torchrun(processes: int) -> list[str]:
    """On this machine alone, on a port of its own."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return [*start, "--nproc-per-node", str(processes)]


def lines(out: Path) -> list[dict[str, Any]]:
    """The run's log without what depends on the machine."""
    found = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "speed"} for line in found]


def state(out: Path, step: int) -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint (parameters, average, optimizer, log), whole, by name."""
    import torch
    from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

    folder = out / "checkpoints" / f"step-{step:08d}"
    file = out / f"whole-{step}.pt"
    dcp_to_torch_save(folder / "state", file)
    nested = torch.load(file, weights_only=True)
    return {f"{a}/{b}": tensor for a, part in nested.items() for b, tensor in part.items()}


def exported(out: Path, step: int) -> bytes:
    """The file of weights for use."""
    return (out / "checkpoints" / f"step-{step:08d}" / "model.safetensors").read_bytes()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    """Bit for bit."""
    import torch

    assert one.keys() == other.keys()
    different = [name for name in one if not torch.equal(one[name], other[name])]
    assert not different, different[:5]
