"""Plug-ins of one's own: what they have to have is looked at when they are loaded, and told."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from vbdata import codecs, plugins
from vbdata.engine.build import build
from vbdata.errors import BuildError, CodecError, RecipeError
from vbdata.evaluation.evaluate import evaluate
from vbdata.evaluation.truth import BuildTruth
from vbdata.plugins import find
from vbdata.recipe.recipe import parse_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder
from vbdata.view.report.page import PageOptions, page

TASK = '''
"""Depth as the grey of its inverse."""
import numpy as np
from vbdata.core.labels import Depth, Segments
from vbdata.core.types import Ask

ARRAYS = ("numpy",)
NEEDS = ("depth",)
BLANK_INPUT = False
TOLERANCE, UNIT = 1, "steps of grey"
PARAMS = {"near": 1.0}

def grey(metres):
    return np.clip(np.rint(255 / np.maximum(metres, 1)), 1, 255).astype(np.uint8)

def eligible(columns):
    return np.ones(len(columns), bool)

def ask(entry, rng, *, vocabulary=()):
    return Ask(instruction="Draw how near things are.", params=dict(PARAMS))

def render(label, params):
    drawn = np.where(label.valid, grey(label.metres), np.uint8(0))
    return np.repeat(drawn[..., None], 3, -1)

def valid(label, params):
    return label.valid

def decode(rgb, params):
    grey = rgb[..., 0].astype(np.float32)
    return Depth(metres=255 / np.maximum(grey, 1), valid=grey > 0)

def legal(rgb, params):
    return (rgb[..., 0] == rgb[..., 1]) & (rgb[..., 1] == rgb[..., 2])

def roundtrip(label, rgb, params):
    return 0.0
'''
DECODE = "    return Depth(metres=255 / np.maximum(grey, 1), valid=grey > 0)"
RETURNED = {  # what decode returns in place of Depth, and what is said of it
    "grey": "returned ndarray, expected vbdata.core.labels.Depth, since NEEDS[0] is 'depth'",
    "Depth(metres=grey[:4], valid=grey > 0)": "metres is float32[4, 48], expected float[32, 48]",
    "Depth(metres=grey, valid=rgb[..., 0])": "valid is uint8[32, 48], expected bool[32, 48]",
    "Depth(metres=1.0, valid=grey > 0)": "metres is float, expected an array of float",
    "1 / 0": "raised ZeroDivisionError: division by zero",
}
CHANGED = {  # what stands in the module in place of something, and what is said of it
    ('NEEDS = ("depth",)', 'NEEDS = "depth"'): "NEEDS should be a tuple of some of image, depth",
    ('NEEDS = ("depth",)', 'NEEDS = ("captions",)'): "NEEDS[0] is what is drawn, one of depth",
    ("BLANK_INPUT = False", "BLANK_INPUT = 0"): "BLANK_INPUT should be True or False, got 0",
    ("TOLERANCE, UNIT = 1", "TOLERANCE, UNIT = None"): "TOLERANCE should be a number from 0",
    ('ARRAYS = ("numpy",)', 'ARRAYS = "nump"'): 'ARRAYS should be ("numpy", "torch") or one of',
    ('PARAMS = {"near": 1.0}', "PARAMS = {1.0}"): "PARAMS should be a mapping of JSON values",
    ("def decode(rgb, params)", "def decode(rgb)"): "decode(rgb) is called with 2 values",
    ("rng, *, vocabulary=()", "rng"): "is called with 2 values and the keyword vocabulary",
    ("def legal(", "def lawful("): "it lacks legal",
    ("import numpy as np", "import numpy as np\nraise RuntimeError('no')"): "RuntimeError: no",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of one's own with the task `task`, on Python's path."""
    folder = tmp_path / f"own_{tmp_path.name}"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "task.py").write_text(TASK)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield folder
    find.offered.cache_clear()


def test_what_is_wrong_with_a_task_is_said_when_it_is_loaded(here: Path) -> None:
    cases = {(DECODE, f"    return {made}"): said for made, said in RETURNED.items()} | CHANGED
    for number, ((old, new), said) in enumerate(cases.items()):
        assert old in TASK
        (here / f"t{number}.py").write_text(TASK.replace(old, new))
        importlib.invalidate_caches()
        fault = plugins.why_not("transforms", f"{here.name}.t{number}")
        assert said in fault, fault
        assert "\n" not in fault
        text = (
            f"name: x\nseed: 1\nsamples: 1\nsources: {{k: {{dataset: kitti, root: .,"
            f" tasks: {{{here.name}.t{number}: 1}}}}}}"
        )
        with pytest.raises(RecipeError, match="cannot be used"):
            parse_recipe(text, "r.yaml", here, {})


def test_a_decoder_with_params_of_a_sample_is_looked_at_at_each_picture(here: Path) -> None:
    text = TASK.replace('{"near": 1.0}', '{"near": None}').replace("grey > 0)", "grey)")
    (here / "late.py").write_text(text)
    rgb = np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(CodecError, match=r"late': decode returned Depth whose valid is float32"):
        codecs.decode(f"{here.name}.late", rgb, {"near": 1})


@pytest.mark.slow
def test_a_task_of_ones_own_is_built_reported_and_scored(
    here: Path, demo_of: Callable[[str], Path]
) -> None:
    text = (
        f"name: own\nseed: 1\nsamples: 4\nshard_size: 4\nsources: {{k: {{dataset: kitti,"
        f" root: {demo_of('kitti')}, tasks: {{{here.name}.task: 1, depth: 1}}}}}}"
    )
    out = Folder(str(here / "out"))
    build(parse_recipe(text, "r.yaml", here, {}), out, How())
    assert f"{here.name}.task" in page(out, PageOptions(samples=1, decoded=2)).decode()
    report = evaluate(BuildTruth(out))
    kinds = {cell["task"]: cell["kind"] for cell in report["results"]}
    assert kinds == {f"{here.name}.task": "depth", "depth": "depth"}
    (here / "task.py").unlink()
    importlib.invalidate_caches()
    del sys.modules[f"{here.name}.task"]
    for made in (find.task, find.resolve):
        made.cache_clear()
    with pytest.raises(BuildError, match="no such module on Python's path, nor in the working"):
        BuildTruth(out)


def test_installed_packages_offer_plug_ins_by_entry_points(here: Path) -> None:
    facts = here.parent / "farm_data-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: farm-data\nVersion: 1.0\n")
    points = f"grey = {here.name}.task\ndepth = {here.name}.task\nlost = {here.name}.nowhere\n"
    (facts / "entry_points.txt").write_text(f"[vbdata.tasks]\n{points}")
    find.offered.cache_clear()
    assert {"grey", "lost", "depth"} <= {*plugins.names("transforms")}
    assert plugins.task("grey").__name__ == f"{here.name}.task"
    assert plugins.task("depth").__name__ == "vbdata.plugins.transforms.depth", "ours go first"
    assert {"grey", "depth"} <= {*plugins.all_usable("transforms")}
    assert "lost" not in plugins.all_usable("transforms")
    assert "cannot be imported: ModuleNotFoundError" in plugins.why_not("transforms", "lost")
    assert f"{here.name}.task" in plugins.code_modules("transforms", "grey")
    assert "grey" not in plugins.names("pipelines")
