"""Recipes: every fault at once, each with file, key, value and the known choices."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.helpers.builds import REPOSITORY
from vbdata.errors import RecipeError
from vbdata.recipe.canonical import recipe_digest
from vbdata.recipe.recipe import load_recipe

GOOD = """
name: smoke
seed: 7
samples: 120
shard_size: 40
image: {max_pixels: 1048576, multiple_of: 16}
sources:
  coco: {dataset: coco, root: data/coco, split: train2017, tasks: {semantic: 0.35, generate: 0.1}}
  kitti: {dataset: kitti, root: "s3://bucket/kitti", tasks: {depth: 0.2}}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return path


def faults(tmp_path: Path, text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(written(tmp_path, text))
    assert all(str(tmp_path / "recipe.yaml") in fault for fault in caught.value.faults)
    return str(caught.value)


def test_a_good_recipe(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, GOOD))
    coco, kitti = recipe.sources
    assert coco.roots == (str(tmp_path / "data" / "coco"),)
    assert kitti.roots == ("s3://bucket/kitti",)
    assert coco.tasks == {"semantic": Decimal("0.35"), "generate": Decimal("0.1")}
    assert coco.options == {"split": "train2017"}


def test_a_root_override_changes_no_digest(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    moved = load_recipe(path, {"coco": "/elsewhere"})
    assert moved.sources[0].roots == ("/elsewhere",)
    assert moved.digest() == load_recipe(path).digest()


def test_the_same_number_in_other_words_is_the_same_recipe(tmp_path: Path) -> None:
    one = load_recipe(written(tmp_path, GOOD)).digest()
    assert load_recipe(written(tmp_path, GOOD.replace("0.35", "0.350"))).digest() == one
    assert load_recipe(written(tmp_path, GOOD.replace("0.35", "0.36"))).digest() != one


def test_stated_sizes(tmp_path: Path) -> None:
    """A recipe without them has the digest that it had before they could be stated."""
    plain = load_recipe(written(tmp_path, GOOD))
    assert list(plain.canonical()["image"]) == ["max_pixels", "multiple_of", "input", "target"]
    old = "image: {max_pixels: 1048576, multiple_of: 16}"
    assert old in GOOD
    square = load_recipe(written(tmp_path, GOOD.replace(old, "image: {size: [512, 512]}")))
    assert square.image.sizes == ((512, 512),)
    assert square.canonical()["image"]["size"] == [512, 512]
    bucket = GOOD.replace(old, "image: {buckets: [[640, 480], [480, 640]]}")
    several = load_recipe(written(tmp_path, bucket))
    assert several.image.sizes == ((640, 480), (480, 640))
    read = json.loads(json.dumps(several.canonical()))
    assert recipe_digest(read) == several.digest() != square.digest()


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("{size: [512]}", "image.size.1: missing"),
        ("{size: [512, 0]}", "image.size.1: should be greater than or equal to 1"),
        ("{size: [512, 512], multiple_of: 16}", "image.multiple_of: image.size says the sizes"),
        ("{buckets: []}", "image.buckets"),
        ("{buckets: [[64, 48], [64, 48]]}", "image.buckets.1: [64, 48] stands there twice"),
        ("{buckets: [[64, 48]], size: [64, 48]}", "image.size: with image.buckets"),
        ("{buckets: [[64, 48]], max_pixels: 9}", "image.max_pixels: image.buckets says"),
    ],
)
def test_sizes_that_cannot_be(image: str, said: str, tmp_path: Path) -> None:
    old = "image: {max_pixels: 1048576, multiple_of: 16}"
    assert said in faults(tmp_path, GOOD.replace(old, f"image: {image}"))


def test_all_faults_at_once(tmp_path: Path) -> None:
    text = (
        GOOD.replace("samples: 120", "samples: -3")
        .replace("shard_size", "shard_sise")
        .replace("multiple_of: 16", "multiple_off: 16")
        .replace("semantic: 0.35", "semantics: 0.35")
        .replace("generate: 0.1", "depth: 0.1")
        .replace("dataset: kitti", "dataset: kiti")
        .replace("split:", "splitt:")
    )
    got = faults(tmp_path, text)
    assert "samples: should be greater than or equal to 1, got -3" in got
    assert "shard_sise: unknown key; did you mean 'shard_size'?" in got
    assert "image.multiple_off: unknown key; did you mean 'multiple_of'?" in got
    assert "unknown task 'semantics'; did you mean 'semantic'? Known: " in got
    assert "sources.coco.tasks.depth: dataset 'coco' has no depth; it can serve:" in got
    assert "sources.kitti.dataset: unknown dataset 'kiti'; did you mean 'kitti'?" in got
    assert "sources.coco.splitt: unknown key; did you mean 'split'?" in got
    assert len(got.splitlines()) == 7


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("0.35", "-0.35", "sources.coco.tasks.semantic: should be greater than or equal to 0"),
        ("0.35", ".nan", "semantic"),
        ("0.35", "lots", "sources.coco.tasks.semantic"),
        ("seed: 7", "seed: 7.5", "seed"),
        ("seed: 7", "", "seed: missing"),
        ("name: smoke", "name: ../smoke", "name"),
        ("name: smoke", "name: smoke\nname: twice", "stands twice"),
        ("name: smoke", "name: [smoke", "not valid YAML"),
        ("name: smoke", "name: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("seed: 7", "? [a, b]\n: 1\nseed: 7", "cannot be a key"),
        ("samples: 120", "samples: 1000000000000000000000000000000", "samples"),
        ("split: train2017", "split: {a: 1}", "should be a text, number or list, got {'a': 1}"),
        ("0.35", "1.0e+99999", "semantic"),
        ("seed: 7", "seed: 1:30", "seed"),
        ("seed: 7", "seed: 7\ntasks: {depth: {lambda_: -1}}", "depth needs lambda < -1"),
        (
            "seed: 7",
            "seed: 7\ntasks: {depth: {other_palettes: 2}}",
            "should be a share from 0 to 1",
        ),
        ("seed: 7", "seed: 7\ntasks: {depth: {palettes: 1}}", "unknown key; did you mean"),
        ("dataset: coco", "dataset: os.path", "cannot be used: os.path: it lacks LABELS"),
        ("dataset: coco", "dataset: no.such.module", "unknown dataset"),
    ],
)
def test_one_fault(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert expected in faults(tmp_path, GOOD.replace(old, new, 1))


LINED = """\
name: lined
seed: 1
samples: 4
shard: 2
image:
  input: gif
holdout:
  - kitti-val
  - nothing
tasks:
  depth: {lambda_: -1}
sources:
  a: &a
    dataset: kitti
    root: .
    split: val
    tasks:
      depth: 1
      os.path: 1
  b:
    <<: *a
    splt: train
  c:
    dataset: kitti
    tasks: {depth: 1}
"""


def test_faults_have_the_line_of_their_key(tmp_path: Path) -> None:
    found = dict[str, str]()
    for text in faults(tmp_path, LINED).splitlines():
        line, key = text.removeprefix(f"{tmp_path}/recipe.yaml:").split(": ")[:2]
        found[key] = line
    assert found["shard"] == "4"
    assert found["image.input"] == "6"
    assert found["holdout.1"] == "9"
    assert found["tasks.depth"] == "11"
    assert found["sources.a.tasks.os.path"] == "19"
    assert found["sources.b.splt"] == "22"
    assert found["sources.b.tasks.os.path"] == "19", "where the alias stands that brings it in"
    assert found["sources.c.root"] == "23", "what is missing is missing there"


def test_what_is_no_yaml_has_its_line(tmp_path: Path) -> None:
    said = faults(tmp_path, "name: x\nseed: [1\nsamples: 2\n")
    assert said == (
        f"{tmp_path}/recipe.yaml:3: not valid YAML: while parsing a flow sequence, expected ',' "
        "or ']', but got ':'"
    )


BOMB = "[" + ", ".join(["&a0 [xx]"] + [f"&a{n} [{f'*a{n - 1},' * 40}]" for n in range(1, 9)]) + "]"
UNREADABLE = {
    "!!int abc": "'abc' is no !!int",
    "!!float abc": "'abc' is no !!float",
    "!!float .nan": "'.nan' is no !!float",
    "!!bool maybe": "'maybe' is no !!bool",
    "!!null nothing": "'nothing' is no !!null",
    "!!str {a: 1}": "a mapping is no !!str",
    "!!map 5": "a scalar is no !!map",
    "!!timestamp abc": "the tag '!!timestamp' is not known; these are: !!null, !!bool, !!int",
    "!!binary abc": "the tag '!!binary' is not known",
    "!mine 5": "the tag '!mine' is not known",
    "9" * 5000: "a number of more than 1000 digits: '999",
    "1e999999999": "a number of more than 1000 digits: '1e999999999'",
    "1e9999999999999999999999": "a number of more than 1000 digits",
    "0e-999999999": "a number of more than 1000 digits",
}


@pytest.mark.parametrize("value", UNREADABLE)
@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("seed: 7", "seed: {}", "seed"),
        ("seed: 7", "seed: 7\n\nholdout: [kitti-val, {{file: {}}}]", "holdout.1.file"),
        ("seed: 7", "seed: 7\n\ntasks: {{depth: {{c: {}}}}}", "tasks.depth.c"),
    ],
)
def test_values_that_cannot_be_read(
    tmp_path: Path, value: str, old: str, new: str, key: str
) -> None:
    got = faults(tmp_path, GOOD.replace(old, new.format(value)))
    line = 3 if key == "seed" else 5
    assert f"recipe.yaml:{line}: not valid YAML: {key}: {UNREADABLE[value]}" in got
    assert len(got) < 400


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("seed: {}", "its aliases (*name) stand for more text"),
        ("seed: 7\nholdout: {}", "its aliases (*name) stand for more text"),
        ("seed: 7\ntasks: {{depth: {{c: {}}}}}", "its aliases (*name) stand for more text"),
        ("seed: &a [*a]", "an alias stands inside what it names"),
        ("seed: " + "[" * 3000, "nested too deep"),
    ],
    ids=["a seed", "a holdout", "an option", "in itself", "deep"],
)
def test_bombs(tmp_path: Path, new: str, expected: str) -> None:
    assert expected in faults(tmp_path, GOOD.replace("seed: 7", new.format(BOMB)))


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("seed: {}", "seed: should be a valid integer, got [['xx'], [['xx'], ['xx']"),
        ("seed: 7\nholdout: [{}]", "holdout.0: should be a set's name, {{set: NAME, root: URL}}"),
        ("seed: 7\nholdout: [{{set: {}}}]", "holdout.0.set: should be a text, got [['xx'], [["),
        ("seed: 7\nholdout: [{{file: 7}}]", "holdout.0.file: should be a text, got 7"),
        ('seed: 7\nholdout: [{{file: "\\0"}}]', "cannot be read"),
        ("seed: 7\nholdout: [{{file: 's3://a/b'}}]", "holdout.0.file: should be a path on this"),
        ("seed: 7\nholdout: [{{set: coco-val2017, root: 7}}]", "holdout.0.root: should be a text"),
        (
            "seed: 7\ntasks: {{depth: {{c: {}}}}}",
            "tasks.depth.c: should be a text or number, got [",
        ),
        ("seed: 7\ntasks: {{depth: {{c: '1e999999999'}}}}", "got '-3' and '1e999999999'"),
        ("seed: 7\ntasks: {{generate: {{captions: all}}}}", "captions: unknown value 'all'."),
    ],
)
def test_values_are_cut_before_they_are_written_out(
    tmp_path: Path, new: str, expected: str
) -> None:
    deep = (
        "[" + ", ".join(["&a0 [xx]"] + [f"&a{n} [{f'*a{n - 1},' * 30}]" for n in range(1, 4)]) + "]"
    )
    got = faults(tmp_path, GOOD.replace("seed: 7", new.format(deep)))
    assert expected.replace("{{", "{").replace("}}", "}") in got
    assert len(got) < 2000


def test_merge_keys(tmp_path: Path) -> None:
    text = GOOD.replace("coco: {", "coco: &c {").replace(
        "  kitti:",
        "  b: {<<: *c, root: nowhere2}\n  d: {<<: [{split: val2017, root: x}, *c]}\n  kitti:",
    )
    coco, b, d, _ = load_recipe(written(tmp_path, text)).sources
    assert (b.dataset, b.options, b.tasks) == (coco.dataset, coco.options, coco.tasks)
    assert b.roots == (str(tmp_path / "nowhere2"),)
    assert (d.options, d.roots) == ({"split": "val2017"}, (str(tmp_path / "x"),))
    assert "sources.b: << takes a mapping, or a list" in faults(
        tmp_path, text.replace("<<: *c", "<<: 5")
    )
    assert "the key '<<' stands twice" in faults(tmp_path, text.replace("root: now", "<<: *c, r: "))


def test_no_message_has_a_key_to_a_store(tmp_path: Path) -> None:
    secret = "s3://me:secretsecret@bucket/x"
    for place in ("smoke", "120", "0.35", "data/coco", "depth"):
        assert "secretsecret" not in faults(tmp_path, GOOD.replace(place, f'"{secret}"', 1))


def test_decimals_beyond_a_float_count(tmp_path: Path) -> None:
    long = "0.35000000000000000000000000000001"
    with pytest.raises(RecipeError, match="decimal"):
        load_recipe(written(tmp_path, GOOD.replace("0.35", long)))
    longest = load_recipe(written(tmp_path, GOOD.replace("0.35", long[:-2])))
    one = load_recipe(written(tmp_path, GOOD.replace("0.35", long[:-3] + "7")))
    assert one.digest() != longest.digest()
    exponent = load_recipe(written(tmp_path, GOOD.replace("0.1}", "1e-1}")))
    assert exponent.digest() == load_recipe(written(tmp_path, GOOD)).digest()


def test_weights_that_are_all_zero(tmp_path: Path) -> None:
    text = GOOD.replace("0.35", "0").replace("0.1", "0.0").replace("0.2", "0")
    assert "the weights add up to 0" in faults(tmp_path, text)


def test_a_missing_file_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path / "absent.yaml")
    assert "a recipe is a mapping" in faults(tmp_path, "")


def test_an_override_of_no_source(tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"--root cocoo: no such source or held-out set; did you mean 'coco'"
    ):
        load_recipe(written(tmp_path, GOOD), {"cocoo": "/x"})


def test_a_recipe_keeps_the_digest_that_it_had_before_there_were_further_keys() -> None:
    """What recipes of 2026-11-29 meant without saying it, all pictures as PNG, is no part of it."""
    recipe = load_recipe(REPOSITORY / "manifests" / "demo.yaml")
    old = replace(recipe, image=recipe.image.model_copy(update={"target": "png"}))
    assert old.digest() == "79af7ffa84cd11981832ec953934def5e820b4d499c21b312e97cd4cf6c752e4"
    said = old.canonical()
    unsaid = {key: said["image"][key] for key in ("max_pixels", "multiple_of", "input")}
    assert recipe_digest(said | {"image": unsaid}) == old.digest() != recipe.digest()
