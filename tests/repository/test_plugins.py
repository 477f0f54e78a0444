"""Plug-ins by file name, and digests that follow the code they use."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vbdata import plugins
from vbdata.plugins import digests

OURS = "vbdata.plugins"
FILES = {  # a package of a user's own, with a reader
    "__init__.py": "from .deep.table import ROWS\n",
    "reader.py": "def index():\n    from . import helper\n    return helper\n",
    "helper.py": "import json\nfrom pipelines.kitti import *\n",
    "deep/__init__.py": "",
    "deep/table.py": "ROWS = 1\n",
    "other.py": "UNUSED = 1\n",
}


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user's package, which can be imported under its name."""
    folder = tmp_path / f"mine_{tmp_path.name}"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def digest_of(folder: Path) -> str:
    plugins.code_modules.cache_clear()
    plugins.code_digest.cache_clear()
    return plugins.code_digest("pipelines", f"{folder.name}.reader")


def test_names_are_files_and_no_shared_parts() -> None:
    assert {"coco", "kitti"} <= set(plugins.names("pipelines"))
    assert "demo" not in plugins.names("pipelines")
    assert "parts" not in plugins.names("transforms")
    assert "coco" in plugins.names("pipelines.demo")


def test_a_digest_covers_what_a_plug_in_of_ours_imports() -> None:
    coco = plugins.code_modules("pipelines", "coco")
    assert {f"{OURS}.pipelines.{m}" for m in ("coco", "parts.records", "formats.rle")} <= set(coco)
    assert f"{OURS}.pipelines.parts.coco" in coco, "packages are run, too"
    assert not any("kitti" in name or "demo" in name for name in coco)
    refcoco = plugins.code_modules("pipelines", "refcoco")
    masks = f"{OURS}.pipelines.parts.coco.masks"
    assert refcoco[masks] == coco[masks]
    assert plugins.code_digest("pipelines", "coco") != plugins.code_digest("pipelines", "refcoco")


def test_a_digest_covers_what_a_users_module_imports(mine: Path) -> None:
    modules = plugins.code_modules("pipelines", f"{mine.name}.reader")
    assert {name for name in modules if name.startswith(mine.name)} == {
        *(mine.name, f"{mine.name}.reader", f"{mine.name}.helper"),
        *(f"{mine.name}.deep", f"{mine.name}.deep.table"),
    }
    assert {"pipelines.kitti", "pipelines.parts.records"} <= set(modules)
    assert "json" not in modules


@pytest.mark.parametrize("file", ["__init__.py", "reader.py", "helper.py", "deep/table.py"])
def test_code_moves_the_digest_and_prose_does_not(mine: Path, file: str) -> None:
    before = digest_of(mine)
    text = (mine / file).read_text()
    (mine / file).write_text(f'"""What it is."""\n\n# and why\n\n{text}\n# the end\n')
    assert digest_of(mine) == before
    (mine / file).write_text(f"{text}MORE = 2\n")
    assert digest_of(mine) != before
    (mine / file).write_text(text)
    assert digest_of(mine) == before


def test_what_is_not_imported_is_in_no_digest(mine: Path) -> None:
    before = digest_of(mine)
    (mine / "other.py").write_text("UNUSED = 2\n")
    assert digest_of(mine) == before


def test_a_digest_of_a_compiled_module_is_that_of_its_file(mine: Path) -> None:
    from importlib.machinery import EXTENSION_SUFFIXES

    (mine / "reader.py").write_text("from . import fast\n")
    (mine / f"fast{EXTENSION_SUFFIXES[0]}").write_bytes(b"\x7fELF one")
    before = digest_of(mine)
    (mine / f"fast{EXTENSION_SUFFIXES[0]}").write_bytes(b"\x7fELF two")
    assert digest_of(mine) != before


def test_digests_import_nothing(mine: Path) -> None:
    import sys

    (mine / "reader.py").write_text("from .helper import Thing\nraise SystemExit\n")
    digest_of(mine)
    assert f"{mine.name}.helper" not in sys.modules


def test_the_engines_digest_is_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever file is added to them, at any depth, counts; and no file beside them."""
    usual = dict(plugins.engine_files())
    ignore = shutil.ignore_patterns("__pycache__")
    for folder in ("core", "shard"):
        shutil.copytree(digests.VBDATA / folder, tmp_path / folder, ignore=ignore)
    monkeypatch.setattr(digests, "VBDATA", tmp_path)

    def now() -> dict[str, str]:
        plugins.engine_files.cache_clear()
        return dict(plugins.engine_files())

    try:
        assert now() == usual
        assert {"core/types.py", "core/compiled/maps.c", "shard/shard.py"} <= usual.keys()
        added = ("core/new.py", "core/compiled/new.c", "shard/deep/new.py", "shard/table.csv")
        for name in added:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("int x;\n" if name.endswith(".c") else "x = 1\n")
        (tmp_path / "core" / "__pycache__").mkdir()
        (tmp_path / "core" / "__pycache__" / "new.cpython-311.pyc").write_bytes(b"x")
        (tmp_path / "core" / ".new.py.swp").write_bytes(b"x")
        assert now().keys() - usual.keys() == {*added}
        maps = tmp_path / "core" / "compiled" / "maps.c"
        maps.write_text("/* prose */\n" + maps.read_text())
        assert usual.items() <= now().items()
        maps.write_text(maps.read_text() + "int more;\n")
        assert now()["core/compiled/maps.c"] != usual["core/compiled/maps.c"]
    finally:
        plugins.engine_files.cache_clear()


def test_broken_contracts_are_named() -> None:
    with pytest.raises(LookupError, match=r"os\.path: it lacks NEEDS, BLANK_INPUT"):
        plugins.resolve("transforms", "os.path")
    with pytest.raises(LookupError, match="unknown dataset 'nosuch'"):
        plugins.dataset("nosuch")
    with pytest.raises(LookupError, match="no module 'nosuch' in transforms"):
        plugins.code_digest("transforms", "nosuch")


def test_what_a_plug_in_warms_is_there_before_its_first_sample() -> None:
    tables = plugins.task("depth").codes.tables
    tables.cache_clear()
    plugins.warm("transforms", "depth")
    assert tables.cache_info().currsize == 1
    plugins.warm("transforms", "normals")  # has nothing to warm
    plugins.warm("transforms", "nosuch")
