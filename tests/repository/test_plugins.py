"""Plug-ins by file name, and digests that follow the code they use."""

from __future__ import annotations

from pathlib import Path

import pytest

from vbdata import plugins


def test_names_are_files_and_no_shared_parts() -> None:
    assert "coco" in plugins.names("pipelines")
    assert "demo" not in plugins.names("pipelines")
    assert not any(name.startswith("_") for name in plugins.names("transforms"))


@pytest.mark.parametrize("imported", ["from pipelines.kitti import *", "from . import helper"])
def test_the_digest_covers_what_a_users_module_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imported: str
) -> None:
    package = f"mine{len(imported)}"
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / package / "helper.py").write_text("X = 1\n")
    (tmp_path / package / "reader.py").write_text(imported + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"{package}.reader"
    plugins.code_digest.cache_clear()
    before = plugins.code_digest("pipelines", name)
    source = plugins._source
    monkeypatch.setattr(
        plugins, "_source", lambda full: source(full) + "#" * full.endswith((".kitti", ".helper"))
    )
    plugins.code_digest.cache_clear()
    assert plugins.code_digest("pipelines", name) != before
    monkeypatch.setattr(plugins, "_source", source)
    plugins.code_digest.cache_clear()


def test_broken_contracts_are_named() -> None:
    with pytest.raises(LookupError, match=r"os\.path lacks NEEDS, BLANK_INPUT"):
        plugins.resolve("transforms", "os.path")
    with pytest.raises(LookupError, match="no module 'nosuch' in pipelines"):
        plugins.dataset("nosuch")


def test_what_a_plug_in_warms_is_there_before_its_first_sample() -> None:
    from transforms.parts import depth_codes as _depth_codes

    _depth_codes.tables.cache_clear()
    plugins.warm("transforms", "depth")
    assert _depth_codes.tables.cache_info().currsize == 1
    plugins.warm("transforms", "normals")  # has nothing to warm
    plugins.warm("transforms", "nosuch")
