"""Instances: what is asked, what is painted, and that every target is read back exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms import instance
from transforms.parts import colours
from vbdata.core.labels import Segments
from vbdata.core.rng import Stream
from vbdata.core.types import ClassFact, Entry
from vbdata.errors import BadSample
from vbdata.index.facts import FACTS

PARAMS = {"class": "car", "background": [0, 0, 0]}
SLACK = settings(deadline=None, max_examples=60)


def fact(name: str, instances: int, smallest: int = 100, thing: bool = True) -> ClassFact:
    return ClassFact(name=name, thing=thing, instances=instances, smallest=smallest)


def entry(*facts: ClassFact, width: int = 8, height: int = 6) -> Entry:
    return Entry(
        id="e", group="g", width=width, height=height, license="x", files={},
        labels=("segments",), classes=facts,
    )  # fmt: skip


def segments(ids: Any, classes: tuple[str, ...], crowds: tuple[bool, ...] = ()) -> Segments:
    import torch

    ids = torch.as_tensor(np.asarray(ids)).int()
    return Segments(
        ids=ids,
        classes=classes,
        things=(True,) * len(classes),
        crowds=crowds or (False,) * len(classes),
        valid=torch.ones(ids.shape, dtype=torch.bool),
    )


def asked(count: int, seed: int = 0) -> dict[str, Any]:
    palette = colours.draw(count, Stream(seed), colours.lattice())
    return PARAMS | {"palette": [list(rgb) for rgb in palette]}


# Targets


@pytest.mark.slow
@SLACK
@given(st.data())
def test_any_target_is_read_back_exactly(data: st.DataObject) -> None:
    import torch

    count = data.draw(st.integers(1, 40))
    size = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40)))
    kinds = data.draw(st.lists(st.sampled_from(["car", "dog"]), min_size=count, max_size=count))
    crowds = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    ids = rng.integers(0, count + 1, size)
    label = segments(ids, tuple(kinds), tuple(crowds))
    params = asked(max(1, kinds.count("car")), seed=count)
    mine = [name == "car" and not crowd for name, crowd in zip(kinds, crowds, strict=True)]
    want = np.array([0, *np.cumsum(mine) * mine])[ids]
    if not want.any():
        with pytest.raises(BadSample, match="empty label"):
            instance.render(label, params)
        return
    wide = segments(np.repeat(ids, 2, axis=-1), label.classes, label.crowds)
    strided = Segments(
        ids=wide.ids[..., ::2], classes=wide.classes, things=wide.things, crowds=wide.crowds,
        valid=wide.valid[..., ::2],
    )  # fmt: skip
    rgb = instance.render(strided, params)
    assert torch.equal(rgb, instance.render(label, params))
    back = instance.exact(rgb.movedim(-1, 0).contiguous().movedim(0, -1), params)
    assert (back.ids.numpy() == want).all()
    assert back.valid.all()
    assert instance.roundtrip(label, rgb, params) == 0
    assert instance.legal(rgb, params).all()
    crowd = np.array([False, *(c and k == "car" for k, c in zip(kinds, crowds, strict=True))])[ids]
    assert (instance.valid(label, params).numpy() == ~crowd).all()


def test_the_round_trip_tells_what_is_wrong() -> None:
    label, params = segments([[1, 1, 2, 0]], ("car", "car")), asked(2)
    rgb = instance.render(label, params)
    assert instance.roundtrip(label, rgb, params) == 0
    rgb[0, 1] = rgb[0, 2]
    assert instance.roundtrip(label, rgb, params) == 0.5
    rgb[0, 3] = 77
    assert instance.roundtrip(label, rgb, params) == 1
    assert instance.exact(rgb, params).valid.tolist() == [[True, True, True, False]]


def test_crowds_and_tiny_instances_are_background_and_not_valid() -> None:
    ids = np.zeros((2, 100, 100), np.int32)
    ids[:, :40] = 1
    ids[0, 50, :1] = 2  # 1e-4 of the image
    ids[1, 50, :2] = 2  # 2e-4
    ids[:, 60:70] = 3
    ids[:, 70:80] = 4
    label = segments(ids, ("car", "car", "car", "dog"), (False, False, True, False))
    params = asked(2)
    painted = instance.exact(instance.render(label, params), params).ids.numpy()
    assert (painted == np.where((ids == 1) | (ids == 2) & [[[False]], [[True]]], ids, 0)).all()
    invalid = (ids == 3) | (ids == 2) & [[[True]], [[False]]]
    assert (instance.valid(label, params).numpy() == ~invalid).all()
    assert instance.roundtrip(label, instance.render(label, params), params) == 0


def test_what_is_not_there_is_a_bad_sample() -> None:
    label = segments(np.ones((4, 4)), ("dog",))
    with pytest.raises(BadSample, match="empty label"):
        instance.render(label, asked(2))
    both = segments([[1, 2]], ("car", "car"))
    with pytest.raises(BadSample, match="more than the 1 instances of 'car'"):
        instance.render(both, asked(1))
    with pytest.raises(BadSample, match="more than the 0 instances of 'car'"):
        instance.render(both, PARAMS | {"palette": []})


def test_crowds_alone_leave_nothing_to_paint_and_nothing_valid() -> None:
    label = segments(np.ones((3, 3)), ("car",), (True,))
    with pytest.raises(BadSample, match="empty label"):
        instance.render(label, asked(1))
    assert not instance.valid(label, asked(1)).any()


# What is asked

SOME = (
    fact("ant", 41),
    fact("gnat", 1, smallest=15),
    fact("bee", 3, smallest=60),
    fact("sky", 0, 0, thing=False),
    fact("sheep", 0, 0),
    fact("fox", 2, smallest=62),
)


def test_it_asks_for_classes_that_can_serve() -> None:
    one = entry(*SOME, width=640, height=480)  # 2e-4 of it are 61.4 pixels
    asks = [instance.ask(one, Stream(k)) for k in range(30)]
    assert {ask.params["class"] for ask in asks} == {"fox"}
    assert {len(ask.params["palette"]) for ask in asks} == {2}
    assert all("foxes" in ask.instruction for ask in asks)


def test_eligible_is_what_ask_can_serve() -> None:
    entries = [entry(*facts, width=640, height=480) for facts in ((one,) for one in SOME)]
    entries += [entry(width=640, height=480), entry(*SOME, width=640, height=480)]
    entries += [entry(SOME[2], width=500, height=600), entry(SOME[1])]
    rows = [
        {
            "width": e.width,
            "height": e.height,
            "classes": [
                {name: getattr(f, name) for name in ClassFact.__slots__} for f in e.classes
            ],
        }
        for e in entries
    ]
    able = instance.eligible(pa.Table.from_pylist(rows, schema=FACTS))
    for one, can in zip(entries, able.tolist(), strict=True):
        if can:
            instance.ask(one, Stream(0))
        else:
            with pytest.raises(ValueError, match="integer"):
                instance.ask(one, Stream(0))
    assert able.tolist() == [False] * 5 + [True, False, True, True, False]


def test_negatives_at_their_share() -> None:
    one, vocabulary = (
        entry(fact("fox", 2), fact("sheep", 0, 0)),
        tuple((name, name != "sky") for name in ("cat", "fox", "owl", "sheep", "sky")),
    )
    asks = [instance.ask(one, Stream(k), vocabulary=vocabulary) for k in range(2000)]
    negative = [ask for ask in asks if not ask.params["palette"]]
    assert 160 < len(negative) < 240
    assert {ask.params["class"] for ask in negative} == {"cat", "owl"}
    assert all("owls" in a.instruction or "cats" in a.instruction for a in negative)
    for share, count in ((0.0, 0), (1.0, 50)):
        some = [
            instance.ask(one, Stream(k), vocabulary=vocabulary, negatives=share) for k in range(50)
        ]
        assert sum(not ask.params["palette"] for ask in some) == count
    full = instance.ask(
        one, Stream(0), vocabulary=(("fox", True), ("sheep", True), ("sky", False)), negatives=1.0
    )
    assert full.params["class"] == "fox"


def test_a_negative_is_all_background_and_valid() -> None:
    label, params = segments([[1, 0], [2, 2]], ("fox", "sheep")), PARAMS | {"palette": []}
    params["background"] = [9, 8, 7]
    rgb = instance.render(label, params)
    assert rgb.reshape(-1, 3).unique(dim=0).tolist() == [[9, 8, 7]]
    assert instance.valid(label, params).all()
    assert instance.legal(rgb, params).all()
    assert instance.roundtrip(label, rgb, params) == 0
    for back in (instance.decode(rgb, params), instance.exact(rgb, params)):
        assert back.classes == ()
        assert not back.ids.any()
        assert back.valid.all()
