"""Normals, semantic and instance colours: signs, round trips, colours that stay apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms import _colours as colours
from transforms import instance, normals, semantic
from vbdata.errors import BadSample
from vbdata.nouns import ClassFact, Entry, Normals, Segments
from vbdata.rand import Stream


def entry(**classes: int) -> Entry:
    facts = tuple(
        ClassFact(name=name.replace("_", " "), thing=True, instances=n, smallest=100)
        for name, n in classes.items()
    )
    return Entry(
        id="e", group="g", width=8, height=6, license="x", files={}, labels=("segments",),
        classes=facts,
    )  # fmt: skip


def segments(ids: torch.Tensor, classes: tuple[str, ...], crowds: tuple[bool, ...]) -> Segments:
    things = (True,) * len(classes)
    valid = torch.ones(ids.shape, dtype=torch.bool)
    return Segments(ids=ids, classes=classes, things=things, crowds=crowds, valid=valid)


def one_normal(x: float, y: float, z: float) -> list[int]:
    xyz = torch.tensor([x, y, z]).reshape(3, 1, 1)
    yes = torch.ones(1, 1, dtype=torch.bool)
    return normals.render(Normals(xyz=xyz, valid=yes, sky=~yes), {})[0, 0].tolist()


def test_normals_have_the_papers_signs() -> None:
    # OpenCV camera frame: left is -x, up is -y, toward the camera is -z
    assert one_normal(-1, 0, 0) == [255, 128, 128]
    assert one_normal(0, -1, 0) == [128, 255, 128]
    assert one_normal(0, 0, -1) == [128, 128, 255]
    assert one_normal(1, 0, 0) == [0, 128, 128]


def random_normals(seed: int, shape: tuple[int, ...]) -> torch.Tensor:
    vectors = np.random.default_rng(seed).normal(size=(*shape[:-2], 3, *shape[-2:]))
    return torch.from_numpy(vectors / np.linalg.norm(vectors, axis=-3, keepdims=True)).float()


def test_normals_round_trip_within_the_step_of_8_bits() -> None:
    xyz = random_normals(0, (2, 64, 65))
    yes = torch.ones(2, 64, 65, dtype=torch.bool)
    back = normals.decode(normals.render(Normals(xyz=xyz, valid=yes, sky=~yes), {}), {})
    cosine = (back.xyz.double() * xyz.double()).sum(-3).clamp(-1, 1)
    # half a step of 2/255 in each of three channels
    assert float(torch.rad2deg(torch.acos(cosine)).max()) < np.rad2deg(np.sqrt(3) / 255) + 0.01
    assert bool(back.valid.all())


def test_invalid_normals_and_sky_are_told_apart() -> None:
    xyz = random_normals(1, (1, 3))
    xyz[:, 0, 2] = torch.nan
    valid = torch.tensor([[True, False, False]])
    sky = torch.tensor([[False, True, False]])
    rgb = normals.render(Normals(xyz=xyz, valid=valid, sky=sky), {})
    assert rgb[0, 1].tolist() == [255, 0, 255]
    assert rgb[0, 2].tolist() == [128, 128, 128]
    back = normals.decode(rgb, {})
    assert (back.valid.tolist(), back.sky.tolist()) == (valid.tolist(), sky.tolist())
    assert normals.legal(rgb, {}).all()
    assert not normals.legal(torch.tensor([[[0, 0, 0]]], dtype=torch.uint8), {}).any()


@pytest.mark.parametrize(
    ("count", "apart"), [(2, 140), (8, 105), (16, 85), (32, 85), (40, 63), (64, 63)]
)
def test_drawn_colours_stay_apart(count: int, apart: float) -> None:
    for seed in range(20):
        drawn = np.array(colours.draw(count, Stream(seed), colours.lattice()))
        between = np.linalg.norm(drawn[:, None] - drawn[None], axis=-1) + 1e9 * np.eye(count)
        assert between.min() >= apart
        assert np.linalg.norm(drawn, axis=-1).min() >= min(apart, 63)


def test_a_pool_that_is_too_small() -> None:
    with pytest.raises(ValueError, match="125 colours from a pool of 125"):
        colours.draw(125, Stream(0), colours.lattice())


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 30))
def test_semantic_round_trip_and_prompt(seed: int, count: int) -> None:
    names = {f"class_{k}": 1 for k in range(count)}
    ask = semantic.ask(entry(**names), Stream(seed))
    ids = torch.from_numpy(np.random.default_rng(seed).integers(0, count + 1, (9, 11))).int()
    ids[0, 0] = 1
    label = segments(ids, tuple(n.replace("_", " ") for n in names), (False,) * count)
    rgb = semantic.render(label, ask.params)
    back = semantic.decode(rgb, ask.params)
    want = np.array(["", *label.classes])[ids.numpy()]
    assert (np.array(["", *back.classes])[back.ids.numpy()] == want).all()
    assert semantic.legal(rgb, ask.params).all()
    for item in ask.params["legend"]:
        said = [colours.say(tuple(item["rgb"]), style) for style in colours.FORMATS]
        assert item["name"] in ask.instruction
        assert any(s and s in ask.instruction for s in said)
    assert "{" not in ask.instruction.replace('{"', "")


def test_a_legend_is_drawn_afresh() -> None:
    legends = {
        str(semantic.ask(entry(car=1, dog=1), Stream(k)).params["legend"]) for k in range(20)
    }
    assert len(legends) == 20


def test_instances_have_colours_of_their_own() -> None:
    ids = torch.arange(12).reshape(3, 4).int()
    classes = ("car",) * 5 + ("dog",) * 5 + ("car",)
    crowds = (False,) * 4 + (True,) + (False,) * 6
    label = segments(ids, classes, crowds)
    ask = instance.ask(entry(car=5), Stream(0))
    rgb = instance.render(label, ask.params)
    flat = rgb.reshape(-1, 3).tolist()
    assert [flat[k] for k in (1, 2, 3, 4, 11)] == ask.params["palette"]
    assert all(flat[k] == [0, 0, 0] for k in (0, 5, 6, 7, 8, 9, 10))
    assert instance.valid(label, ask.params).reshape(-1).tolist() == [k != 5 for k in range(12)]
    back = instance.decode(rgb, ask.params)
    assert back.classes == ("car",) * 5
    assert ((back.ids > 0) == (rgb != 0).any(-1)).all()
    assert len(torch.unique(back.ids[back.ids > 0])) == 5


def test_what_is_not_there_is_a_bad_sample() -> None:
    label = segments(torch.ones(4, 4).int(), ("dog",), (False,))
    with pytest.raises(BadSample, match="empty label"):
        instance.render(label, instance.ask(entry(car=2), Stream(0)).params)
    both = segments(torch.tensor([[1, 2]]).int(), ("dog", "dog"), (False, False))
    ask = instance.ask(entry(dog=1), Stream(0))
    with pytest.raises(BadSample, match="more than the 1 instances of 'dog'"):
        instance.render(both, ask.params)


def test_instance_asks_for_classes_that_can_serve() -> None:
    crowded = ClassFact(name="ant", thing=True, instances=41, smallest=100)
    tiny = ClassFact(name="gnat", thing=True, instances=1, smallest=2)
    stuff = ClassFact(name="sky", thing=False, instances=0, smallest=0)
    fine = entry(fox=2)
    mixed = Entry(**{f: getattr(fine, f) for f in Entry.__slots__} | {
        "classes": (crowded, tiny, stuff, *fine.classes)
    })  # fmt: skip
    assert {instance.ask(mixed, Stream(k)).params["class"] for k in range(20)} == {"fox"}
