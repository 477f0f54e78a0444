"""A config's faults are all reported at once, by key and with the known choices."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers.builds import REPOSITORY
from vbdata.errors import RecipeError
from vbdata.train.config import Config, load_config
from vbdata.train.sampling import bucket_sizes

EXAMPLES = REPOSITORY / "manifests" / "train"

GOOD: dict[str, Any] = {"name": "a", "steps": 3, "batch": 2, "data": {"builds": ["b", "s3://x/y"]}}


def load(tmp_path: Path, raw: Any, *overrides: str) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(raw))
    return load_config(path, overrides)


def faults(tmp_path: Path, raw: Any, *overrides: str) -> str:
    with pytest.raises(RecipeError) as error:
        load(tmp_path, raw, *overrides)
    return str(error.value)


def test_paths_are_relative_to_the_file_and_overrides_are_yaml(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD, "optim.lr=1e-4", "data.aspects=['4:3']", "run.workers=3")
    assert config.data.builds == [str(tmp_path / "b"), "s3://x/y"]
    assert (config.optim.lr, config.data.aspects, config.run.workers) == (1e-4, ["4:3"], 3)


def test_all_faults_at_once(tmp_path: Path) -> None:
    wrong = GOOD | {"stepps": 4, "batch": 0, "optim": {"lrr": 1, "betas": [0.9, 2]}}
    said = faults(tmp_path, wrong, "data.size=2")
    assert "stepps: unknown key; did you mean 'steps'? Known: batch, data," in said
    assert "optim.lrr: unknown key; did you mean 'lr'? Known: betas, clip," in said
    assert "batch: should be greater than or equal to 1, got '0'" in said
    assert "optim.betas.1: should be less than or equal to 1" in said
    assert "data.size: should be greater than or equal to 4" in said
    assert len(said.splitlines()) == 5


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optim.lr", "expected key=value"),
        ("name.x=1", "name is a value"),
        ("optim.lr=[", "not valid YAML"),
        ("optim.lr=nan", "optim.lr"),
        ("loss={drop_text: 0.9, drop_both: 0.2}", "above 1"),
        ("data.mixture={depth: -1}", "data.mixture.depth"),
    ],
)
def test_bad_overrides(tmp_path: Path, override: str, said: str) -> None:
    assert said in faults(tmp_path, GOOD, override)


def test_files_that_are_no_config(tmp_path: Path) -> None:
    assert "a config is a mapping" in faults(tmp_path, [1])
    with pytest.raises(RecipeError, match="cannot be read"):
        load_config(tmp_path / "none.yaml")


def test_run_and_paths_do_not_decide_numbers(tmp_path: Path) -> None:
    one = load(tmp_path, GOOD)
    moved = {"builds": ["elsewhere"], "mixture": {"depth": 0.3}}
    other = load(tmp_path, GOOD | {"data": moved}, "run.workers=9", "data.mixture={}")
    assert one.digest() == other.digest()
    assert load(tmp_path, GOOD, "data.mixture.depth=0.30").digest() != one.digest()


def test_a_models_path_is_relative_to_the_file_and_may_move(tmp_path: Path) -> None:
    model = {"kind": "flux2_klein", "path": "klein", "cache": {"texts": "disk", "folder": "kept"}}
    one = load(tmp_path, GOOD | {"model": model})
    assert one.model["path"] == str(tmp_path / "klein")
    assert one.model["cache"] == {"texts": "disk", "folder": str(tmp_path / "kept")}
    assert load(tmp_path, GOOD, "model.path=~/klein").model["path"] == str(Path.home() / "klein")
    moved = load(tmp_path, GOOD | {"model": model}, "model.path=/else", "model.cache.texts=no")
    assert moved.digest() == one.digest()
    wider = load(tmp_path, GOOD | {"model": model}, "model.dtype=bfloat16")
    assert wider.digest() != one.digest()
    assert load(tmp_path, GOOD, "model.path=3").model["path"] == 3  # for the kind to refuse


def test_weights_are_exact_decimals(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD, "data.mixture.depth=0.1").data.mixture == {"depth": "0.1"}


def test_models_name_their_keys() -> None:
    from vbdata.train.adapter import make_editor

    with pytest.raises(RecipeError, match="unknown kind 'flo'; did you mean 'flow'"):
        make_editor({"kind": "flo"})
    with pytest.raises(RecipeError, match=r"model\.dimm: unknown key; did you mean 'dim'"):
        make_editor({"dimm": 3})
    with pytest.raises(RecipeError, match="dim must be a multiple"):
        make_editor({"dim": 30})


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_are_whole(path: Path) -> None:
    import torch

    from vbdata.train.adapter import make_editor

    config = load_config(path)
    if config.model.get("kind", "flow") != "flow":
        return  # it needs weights that lie elsewhere
    with torch.device("meta"):
        editor = make_editor(config.model)
    bucket_sizes(config.data.aspects, config.data.size, editor.multiple_of)
    parameters = sum(p.numel() for p in editor.module.parameters())
    said = re.search(r"A (\d+) M-parameter", path.read_text())
    assert not said or round(parameters / 1e6, -1) == int(said[1])
