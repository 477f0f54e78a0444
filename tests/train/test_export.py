"""The file of an exported LoRA."""

from __future__ import annotations

from pathlib import Path

import pytest

from vbdata.train.export import _sort_metadata


def test_the_same_weights_are_the_same_bytes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    weights = {"b.lora_A": torch.arange(6.0).reshape(2, 3), "a.lora_B": torch.ones(5)}
    about = {f"key {number}": "x" * number for number in range(12)}
    written, found = tmp_path / "a.safetensors", set()
    for _ in range(4):  # the library's order changes from file to file
        safetensors.save_file(weights, written, metadata=about)
        _sort_metadata(written)
        found.add(written.read_bytes())
    assert len(found) == 1
    back = safetensors.load_file(written)
    assert all(torch.equal(back[name], value) for name, value in weights.items())
    with safetensors.safe_open(written, "pt") as opened:
        assert opened.metadata() == about
