"""Tasks written with torch are given tensors, those that say so NumPy's arrays."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from vbdata import plugins
from vbdata.core.labels import Depth
from vbdata.core.types import Geometry
from vbdata.plugins.tensors import TensorTask
from vbdata.shard.sample import Labelled, _label

TASK = '''
"""Twice the depth, as red."""
import torch
from vbdata.core.labels import Depth
from vbdata.core.types import Ask

NEEDS, BLANK_INPUT, TOLERANCE, UNIT, PARAMS = ("depth",), False, 0.0, "metres", {}

def eligible(columns):
    return columns
def ask(entry, rng, *, vocabulary=(), loud: bool = False):
    return Ask(instruction="Depth.", params={"loud": loud})
def render(label, params):
    assert isinstance(label.metres, torch.Tensor)
    red = (2 * label.metres).clamp(0, 255).to(torch.uint8)
    return torch.stack([red, red * 0, red * 0], -1)
def valid(label, params):
    return label.valid
def decode(rgb, params):
    metres = rgb[..., 0] / 2
    return Depth(metres=metres, valid=metres > 0)
def legal(rgb, params):
    return (rgb[..., 1:] == 0).all(-1)
def roundtrip(label, rgb, params):
    return float((decode(rgb, params).metres - label.metres).abs().max())
def both(pair, *, other):
    assert all(isinstance(each, torch.Tensor) for each in (*pair, other))
    return [pair[0], (other, 3)]
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a task of one's own and returns it as the engine sees it."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, text: str = TASK) -> ModuleType:
        folder = tmp_path / "tensor_tasks"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(text)
        return plugins.task(f"tensor_tasks.{name}")

    yield write
    for name in [name for name in sys.modules if name.startswith("tensor_tasks")]:
        del sys.modules[name]


def label() -> Depth:
    metres = np.array([[1.0, 2.5, 0.0]], np.float32)
    return Depth(metres=metres, valid=metres > 0)


def test_a_task_in_torch_is_given_tensors_and_gives_arrays(own: Any) -> None:
    task, here = own("red"), label()
    assert (task.__name__, task.__doc__) == ("tensor_tasks.red", "Twice the depth, as red.")
    assert list(inspect.signature(task.ask).parameters) == ["entry", "rng", "vocabulary", "loud"]
    rgb = task.render(here, {})
    assert rgb.tolist() == [[[2, 0, 0], [5, 0, 0], [0, 0, 0]]]
    assert isinstance(rgb, np.ndarray)
    assert np.shares_memory(task.valid(here, {}), here.valid)
    assert isinstance(task.decode(rgb, {}).metres, np.ndarray)
    assert task.legal(rgb, {}).all()
    assert task.roundtrip(here, rgb, {}) == 0.0
    rgb.flags.writeable = False  # torch warns of memory that it must not write to
    first, (other, number) = task.both((rgb, rgb), other=rgb)
    assert isinstance(first, np.ndarray)
    assert isinstance(other, np.ndarray)
    assert number == 3


def test_tensors_on_a_device_pass_as_they_are(own: Any) -> None:
    import torch

    task = own("far")
    for device, expected in (("cpu", np.ndarray), ("meta", torch.Tensor)):
        geometry = Geometry(source=(3, 1), scaled=(3, 1), left=0, top=0, width=3, height=1)
        loaded = Labelled(label(), geometry, b"", {}, "", "")
        assert isinstance(_label(loaded, task, device).metres, expected)
        assert isinstance(_label(loaded, plugins.task("depth"), device).metres, expected)
    text = TASK.replace("\nNEEDS", '\nARRAYS = ("numpy",)\nNEEDS')
    numpy_alone = own("near", text.replace(".float()", ".astype(float)"))
    assert isinstance(_label(loaded, numpy_alone, "meta").metres, np.ndarray)
    assert not isinstance(numpy_alone, TensorTask)


def test_a_task_that_hands_on_to_another_does_not_take_what_that_takes(own: Any) -> None:
    text = "from vbdata.plugins.transforms import depth\n"
    task = own("handed", text + "def __getattr__(name):\n    return getattr(depth, name)\n")
    assert plugins.arrays_of(plugins.task("depth")) == ("numpy", "torch")
    assert isinstance(task, TensorTask)
    rgb = task.render(label(), plugins.task("depth").PARAMS)
    assert np.array_equal(rgb, plugins.task("depth").render(label(), task.PARAMS))
