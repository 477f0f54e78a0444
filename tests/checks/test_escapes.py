"""Nothing leads out of a build's folder, and no text from data steers a terminal."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from typer.testing import CliRunner

from tests.helpers.builds import REPOSITORY, remanifest
from vbdata.cli.app import app
from vbdata.engine.folder import unpublish
from vbdata.errors import BadSample, RecipeError, visible
from vbdata.recipe.recipe import load_recipe
from vbdata.shard import tar
from vbdata.storage.folder import Folder
from vbdata.terminal.tables import SafeConsole, console

DEMO = REPOSITORY / "manifests" / "demo.yaml"
OUT = ("../x", "..", ".", "", "/etc/x", "a/b", "a\\b", "a\0b", "a:b", "x\x1b[31m", "\u202ex", "x\n")
CLEAR = "\x1b[2J\x1b]0;mine\x07\x9b31m"  # clears the screen, names the window


@pytest.mark.parametrize("name", OUT)
@pytest.mark.parametrize("place", ["name: demo", "split: train", "  coco:"])
def test_no_name_of_a_recipe_is_a_path(name: str, place: str, tmp_path: Path) -> None:
    lines = ["split: train", *DEMO.read_text().splitlines()]
    key = place.partition(":")[0]
    put = f"  {json.dumps(name)}:" if key == "  coco" else f"{key}: {json.dumps(name)}"
    lines[lines.index(place)] = put
    (tmp_path / "recipe.yaml").write_text("\n".join(lines))
    with pytest.raises(RecipeError, match="sources" if key == "  coco" else f": {key}: "):
        load_recipe(tmp_path / "recipe.yaml")


@pytest.mark.parametrize("path", ["../x", "/tmp/x", "a/../../x", "a\\x", "a\0"])
def test_an_output_folder_writes_below_itself_only(path: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    for url in (str(tmp_path / "out"), f"file://{tmp_path}/out", "memory://escapes/out"):
        out = Folder(url)
        for act in (
            lambda out=out: out.write(path, b"x"),
            lambda out=out: out.put(tmp_path / "file", path),
            lambda out=out: out.move("a", path),
            lambda out=out: out.move(path, "a"),
            lambda out=out: out.remove(path),
        ):
            with pytest.raises(BadSample, match="unsafe path"):
                act()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "out"]


def test_a_list_of_sums_deletes_nothing_outside(demo_build: Path, tmp_path: Path) -> None:
    out, victim = tmp_path / "out", tmp_path / "victim"
    shutil.copytree(demo_build, out)
    victim.write_bytes(b"mine")
    for path in ("../victim", str(victim), "./../victim"):
        (out / "SHA256SUMS").write_text(f"{'0' * 64}  {path}\n")
        unpublish(Folder(str(out)))
    assert victim.read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["k" * 100, "\u00e9.json", ""])
def test_a_tar_has_no_name_that_it_cannot_hold(name: str) -> None:
    with pytest.raises((ValueError, UnicodeEncodeError)):
        tar.header(name, 1)


def test_members_are_keys_with_an_extension(demo_build: Path) -> None:
    for shard in demo_build.glob("shards/*/*.tar"):
        for member in tar.members(shard):
            assert member.key.isdigit()
            assert not set(member.extension) & set("/\\")


@pytest.mark.parametrize("command", ["show", "report", "verify"])
def test_a_hostile_manifest_leads_nowhere(command: str, demo_build: Path, tmp_path: Path) -> None:
    """A shard outside the folder, whole and right, is not read."""
    out, outside = tmp_path / "out", tmp_path / "outside"
    shutil.copytree(demo_build, out)
    outside.mkdir()
    said = json.loads((out / "manifest.json").read_text())
    for shard in said["shards"]:
        name = Path(shard["tar"]).name
        for suffix in ("", ".idx"):
            (out / f"{shard['tar']}{suffix}").rename(outside / f"{name}{suffix}")
        shard["tar"] = f"../outside/{name}"
    remanifest(out, lambda manifest: manifest.update(said))
    more = [] if command == "verify" else ["--out", str(tmp_path / "made")]
    done = CliRunner().invoke(app, [command, str(out), *more])
    assert done.exit_code == 1
    assert not (tmp_path / "made").exists()
    assert "shard 0 is '../outside/train-00000-of-00003.tar', expected shards/" in done.output


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "..", "a/b", "x\n", "\u202ex"])
@pytest.mark.parametrize("part", ["name", "split", "source"])
def test_the_names_of_a_manifest_are_those_of_a_recipe(
    part: str, name: str, demo_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock is written where the build's name says, so a name is no path."""
    out, here = tmp_path / "out", tmp_path / "a" / "b" / "c"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    shutil.copytree(demo_build, out)

    def renamed(manifest: dict[str, Any]) -> None:
        recipe = manifest["recipe"]
        if part == "source":
            recipe["sources"][name] = recipe["sources"].pop("coco")
            for line in (*manifest["sources"], *manifest["cells"]):
                line["source"] = name if line["source"] == "coco" else line["source"]
        else:
            manifest[part] = recipe[part] = name

    remanifest(out, renamed)
    before = sorted(tmp_path.rglob("*"))
    for command in (["lock", str(out)], ["diff", str(out), str(out)], ["report", str(out)]):
        done = CliRunner().invoke(app, command)
        assert done.exit_code in (1, 2)
        assert "should match pattern" in done.output
    assert sorted(tmp_path.rglob("*")) == before


def test_no_text_from_data_steers_the_terminal(tmp_path: Path) -> None:
    to = SafeConsole(file=io.StringIO(), force_terminal=True, width=100)
    to.print(Text(CLEAR), style="bold")
    to.print(CLEAR, markup=False)
    said = to.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[1m\\x1b[2J" in said  # the style is ours, the rest is shown
    assert said.count("\x1b[2J") == said.count("\x07") == said.count("\x9b") == 0
    assert isinstance(console(), SafeConsole)
    text = DEMO.read_text().replace("  coco:", f"  {json.dumps(CLEAR)}:")
    (tmp_path / "recipe.yaml").write_text(text)
    done = CliRunner().invoke(app, ["plan", str(tmp_path / "recipe.yaml")])
    assert done.exit_code == 2
    assert "\\x1b[2J" in done.stderr
    assert not set(done.stderr) & set("\x1b\x07\x9b")


@pytest.mark.parametrize("text", ["plain", "two\nlines\tand a tab", "\u00e9\u4e2d\U0001f600"])
def test_readable_text_stays(text: str) -> None:
    assert visible(text) == text
