"""What lies beside the shards for other libraries: a function of the manifest, and true.

That the libraries themselves read it is shown by `make interop`.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builds import manifest_of, sums_of
from vbdata.checks.verify import verify
from vbdata.engine.build import build
from vbdata.manifest.columns import COLUMNS
from vbdata.publish import card, energon, reader_files, tables
from vbdata.recipe.recipe import Recipe, parse_recipe
from vbdata.run.how import How
from vbdata.shard.tar import members
from vbdata.storage.folder import Folder

KINDS = {str: pa.string(), bool: pa.bool_()}


def digests(out: Path) -> dict[str, str]:
    lines = (line.partition("  ") for line in sums_of(out).splitlines())
    return {path: digest for digest, _, path in lines}


def head_of(card_text: bytes) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(card_text.decode().split("---\n")[1])
    return found


def test_every_file_is_a_function_of_the_manifest(demo_build: Path) -> None:
    sums = digests(demo_build)
    files = reader_files(manifest_of(demo_build), sums)
    assert set(files) == {
        *("README.md", "croissant.json", "metadataset.yaml", "train.wids.json"),
        *(f".nv-meta/{name}" for name in (".info.json", "split.yaml", "dataset.yaml")),
        *(".nv-meta/crude.yaml", ".nv-meta/sample_loader.py"),
    }
    for path, pieces in files.items():
        data = b"".join(pieces)
        assert (demo_build / path).read_bytes() == data
        assert sums[path] == hashlib.sha256(data).hexdigest()
        assert str(demo_build.parent).encode() not in data


def test_sha256sum_checks_the_folder(demo_build: Path) -> None:
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=demo_build, check=True)


def test_samples_have_the_members_of_their_kind_and_the_same_facts(
    demo_build: Path,
) -> None:
    stated = {column.name: column.type for column in COLUMNS if column.in_json}
    features = head_of((demo_build / "README.md").read_bytes())["dataset_info"]["features"]
    shapes = set()
    for shard in manifest_of(demo_build)["shards"]:
        parts: dict[str, list[str]] = {}
        for member in members(demo_build / shard["tar"]):
            parts.setdefault(member.key, []).append(member.extension)
            if member.extension == "json":
                facts = json.loads(member.data)
                assert set(facts) == set(stated)
                for name, value in facts.items():
                    whole = type(value) is int and pa.types.is_integer(stated[name])
                    assert whole or KINDS[type(value)] == stated[name], (name, value)
        shapes |= {tuple(extensions) for extensions in parts.values()}
        assert all("." not in key and len(key) < 100 for key in parts)
    label = ("input.jpg", "instruction.txt", "json", "target.png", "valid.png")
    assert shapes == {label, ("input.jpg", "instruction.txt", "json", "target.jpg")}
    names = [feature["name"] for feature in features]
    assert names == [*sorted({name for shape in shapes for name in shape}), "__key__", "__url__"]


def test_counts_and_sizes_are_those_of_the_shards(demo_build: Path) -> None:
    index = json.loads((demo_build / "train.wids.json").read_text())
    assert len(index["shardlist"]) == 3
    for shard in index["shardlist"]:
        assert (demo_build / shard["url"]).stat().st_size == shard["filesize"]
        keys = {member.key for member in members(demo_build / shard["url"])}
        assert len(keys) == shard["nsamples"]


def test_croissant_states_the_digests_of_the_files(demo_build: Path) -> None:
    described = json.loads((demo_build / "croissant.json").read_text())
    stated = {
        file["contentUrl"]: file["sha256"]
        for file in described["distribution"]
        if file["@type"] == "cr:FileObject"
    }
    tars = [shard["tar"] for shard in manifest_of(demo_build)["shards"]]
    assert set(stated) == {"manifest/train.parquet", *tars}
    for path, digest in stated.items():
        assert hashlib.sha256((demo_build / path).read_bytes()).hexdigest() == digest


def test_the_card_holds_the_recipe(demo_build: Path, demo_recipe: Recipe) -> None:
    text = (demo_build / "README.md").read_text()
    (recipe,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    again = parse_recipe(recipe, "recipe.yaml", Path("/"), {})
    assert again.canonical() == demo_recipe.canonical()
    assert again.digest() == manifest_of(demo_build)["recipe_sha256"]


def test_the_code_in_the_card_is_python_and_names_this_build(demo_build: Path) -> None:
    text = (demo_build / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 7
    for code in blocks:
        ast.parse(code)
        assert not re.search(r"\b(SHARDS|WIDS|CROISSANT|INPUT|SPLIT)\b", code)


def test_the_mixture_of_the_card_adds_up(demo_build: Path) -> None:
    text = (demo_build / "README.md").read_text()
    table = text.partition("## Mixture\n\n")[2].partition("\n\n")[0].splitlines()
    head, *rows = ([part.strip() for part in line.split("|")[1:-1]] for line in table)
    realised = [int(row[head.index("realised")]) for row in rows[1:]]
    assert sum(realised) == manifest_of(demo_build)["samples"] == 96


@pytest.fixture(scope="module")
def other(demo_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another split, PNG inputs, shards of 5 and 3."""
    png = demo_recipe.image.model_copy(update={"input": "png"})
    recipe = replace(demo_recipe, split="val", image=png, samples=8, shard_size=5)
    out = tmp_path_factory.mktemp("other") / "out"
    build(recipe, Folder(str(out)), How())
    return out


def test_names_follow_the_split_and_the_input(other: Path) -> None:
    split = yaml.safe_load((other / ".nv-meta" / "split.yaml").read_text())
    (shards,) = split["split_parts"]["val"]
    assert split["split_parts"] == {"train": [], "val": [shards], "test": []}
    assert shards.endswith("/val-{00000..00001}-of-00002.tar")
    assert json.loads((other / "val.wids.json").read_text())["shardlist"][1]["nsamples"] == 3
    head = head_of((other / "README.md").read_bytes())
    (files,) = head["configs"][0]["data_files"]
    assert files["split"] == "val"
    assert sorted(map(str, other.glob(files["path"]))) == sorted(map(str, other.rglob("*.tar")))
    assert head["dataset_info"]["features"][0] == {"name": "input.png", "dtype": "image"}
    assert head["dataset_info"]["splits"][0]["num_examples"] == 8
    assert "input.png" in (other / ".nv-meta" / "sample_loader.py").read_text()
    assert '"*.input.png"' in (other / "croissant.json").read_text()
    assert verify(Folder(str(other))) == []


def test_a_split_of_another_name_stands_beside_the_three_that_lint_reads(other: Path) -> None:
    manifest = manifest_of(other) | {"split": "extra"}
    split = yaml.safe_load(b"".join(energon.files(manifest)[".nv-meta/split.yaml"]))
    assert list(split["split_parts"]) == ["train", "val", "test", "extra"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (["CC-BY-4.0"], ["cc-by-4.0"]),
        (["MIT", "CC-BY-SA-3.0"], ["cc-by-sa-3.0", "mit"]),
        (["CC-BY-NC-ND-2.0", "MIT"], "other"),
        (["my own terms"], "other"),
        (["unknown"], ["unknown"]),
    ],
)
def test_the_licence_of_the_card(demo_build: Path, found: list[str], said: object) -> None:
    lines = [{"license": name, "commercial": False, "samples": 1, "sources": {}} for name in found]
    head = head_of(b"".join(card.files(manifest_of(demo_build) | {"licenses": lines})["README.md"]))
    assert head["license"] == said
    assert ("license_name" in head) == (said == "other")


@given(st.text())
def test_no_text_from_the_data_breaks_a_table(text: str) -> None:
    cell = tables.cell(text)
    assert "\n" not in cell
    assert "<" not in cell
    assert not re.search(r"(?<!\\)\|", cell)
    assert len(text) <= tables.LONGEST or len(tables.cell(text)) < 7 * tables.LONGEST


def test_a_long_list_of_licences_is_cut(demo_build: Path) -> None:
    lines = [
        {"license": f"terms {n:03d}", "commercial": False, "samples": 1, "sources": {"a": 1}}
        for n in range(tables.MOST + 7)
    ]
    table = tables.licences({"licenses": lines}).splitlines()
    assert len(table) == 2 + tables.MOST + 1
    assert "7 more, in manifest.json" in table[-1]
    assert "| 7 |" in table[-1]
