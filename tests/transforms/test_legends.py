"""Legends and expressions: absent and left-out classes, rejection, permuted legends and votes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms import instance, refer, semantic
from transforms.parts import colours
from vbdata.core.labels import Segments
from vbdata.core.rng import Stream
from vbdata.core.types import ClassFact, Entry, Expression

VOCABULARY = tuple(f"kind {k}" for k in range(12))
WORDS = tuple((name, True) for name in VOCABULARY)


def entry(count: int, expressions: tuple[Expression, ...] = ()) -> Entry:
    facts = [
        ClassFact(name=name, thing=True, instances=1, smallest=99) for name in VOCABULARY[:count]
    ]
    return Entry(
        id="e", group="g", width=8, height=6, license="x", files={}, labels=("segments",),
        classes=tuple(facts), expressions=expressions,
    )  # fmt: skip


def label(ids: np.ndarray, count: int) -> Segments:
    import torch

    flags = (True,) * count
    return Segments(
        ids=torch.from_numpy(ids).int(),
        classes=VOCABULARY[:count],
        things=flags,
        crowds=tuple(not f for f in flags),
        valid=torch.ones(ids.shape, dtype=torch.bool),
    )


def names(ask: object) -> set[str]:
    return {item["name"] for item in ask.params["legend"]}  # type: ignore[attr-defined]


def test_shares_of_absent_and_left_out_classes() -> None:
    present = set(VOCABULARY[:4])
    asks = [semantic.ask(entry(4), Stream(k), vocabulary=WORDS) for k in range(2000)]
    absent = [a for a in asks if names(a) > present]
    left_out = [a for a in asks if names(a) < present]
    assert 0.21 < len(absent) / 2000 < 0.29
    assert 0.21 < len(left_out) / 2000 < 0.29
    assert len(absent) + len(left_out) + sum(names(a) == present for a in asks) == 2000
    never = [semantic.ask(entry(4), Stream(k), absent=0.0, subset=0.0) for k in range(99)]
    assert all(names(a) == present for a in never)


LIKE = {"kind 0": ["kind 4", "kind 7"], "kind 1": "kind 2", "kind 9": ["kind 3"]}


def test_negatives_are_lookalikes_of_what_is_there_if_known_to_be_absent() -> None:
    shown = entry(2, (Expression(text="it", targets=(0,)),))
    lvis = replace(shown, absent=("kind 5", "kind 7", "kind 8"))  # nobody looked for kind 4

    def negatives(of: Entry, share: float = 1.0) -> list[set[str]]:
        given: dict[str, Any] = {"vocabulary": WORDS, "lookalikes": LIKE}
        streams = [Stream("like", k) for k in range(60)]
        asked = [semantic.ask(of, s, absent=share, subset=0.0, **given) for s in streams]
        found = [set.union(*(names(a) for a in asked)) - set(VOCABULARY[:2])]
        alone = [instance.ask(of, s, negatives=share, **given).params["class"] for s in streams]
        words = [refer.ask(of, s, negatives=share, several=0, **given) for s in streams]
        return [*found, set(alone), {name.removeprefix("the ") for a in words for name in names(a)}]

    assert negatives(shown)[1:] == [{"kind 4", "kind 7", "kind 2"}] * 2
    hard = [
        names(semantic.ask(shown, Stream(k), vocabulary=WORDS, absent=1.0, lookalikes=LIKE))
        for k in range(60)
    ]
    assert all(asked - set(VOCABULARY[:2]) <= {"kind 4", "kind 7", "kind 2"} for asked in hard)
    assert negatives(lvis)[1:] == [{"kind 7"}] * 2
    assert negatives(lvis)[0] == {"kind 5", "kind 7", "kind 8"}, "then the other absent ones"
    assert negatives(shown, share=0.0)[1:] == [{"kind 0", "kind 1"}, {"it"}]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 17), st.integers(1, 17))
def test_round_trip_of_any_map(seed: int, count: int, height: int, width: int) -> None:
    ids = np.random.default_rng(seed).integers(0, count + 1, (height * 2, width))[::2, ::-1]
    truth = label(ids.copy(), count)
    ask = semantic.ask(entry(count), Stream(seed), vocabulary=WORDS, subset=0.0)
    if not ids.any():
        return
    rgb = semantic.render(truth, ask.params)
    assert semantic.roundtrip(truth, rgb, ask.params) == 0
    back = semantic.decode(rgb, ask.params)
    said = np.array(["", *back.classes])[back.ids.numpy()]
    assert (said == np.array(["", *truth.classes])[ids]).all()


def test_roundtrip_is_one_minus_the_worst_iou() -> None:
    truth = label(np.array([[1, 1, 1, 1], [2, 2, 0, 0]]), 2)
    ask = semantic.ask(entry(2), Stream(0), absent=0.0, subset=0.0)
    rgb = semantic.render(truth, ask.params)
    rgb[1, 0] = rgb[0, 0]
    assert semantic.roundtrip(truth, rgb, ask.params) == pytest.approx(0.5)


def test_drift_is_read_and_nonsense_is_rejected() -> None:
    import torch

    truth = label(np.array([[0, 1, 2, 3]]), 3)
    ask = semantic.ask(entry(3), Stream(5), absent=0.0, subset=0.0)
    rgb = semantic.render(truth, ask.params).int()
    drifted = (rgb + torch.tensor([11, -11, 11])).clamp(0, 255).to(torch.uint8)
    clean = semantic.decode(rgb.to(torch.uint8), ask.params)
    assert (semantic.decode(drifted, ask.params).ids == clean.ids).all()
    legend = [tuple(item["rgb"]) for item in ask.params["legend"]]
    far = max(
        colours.lattice(),
        key=lambda c: min(np.square(np.subtract(c, x)).sum() for x in [*legend, (0, 0, 0)]),
    )
    assert not semantic.decode(torch.tensor([[far]], dtype=torch.uint8), ask.params).valid.any()


def test_permuted_legends_give_every_class_every_colour() -> None:
    ask = semantic.ask(entry(5), Stream(1), absent=0.0, subset=0.0)
    asks = semantic.permuted(ask.params, Stream(2), 5)
    for name in VOCABULARY[:5]:
        seen = {tuple(i["rgb"]) for a in asks for i in a.params["legend"] if i["name"] == name}
        assert seen == {tuple(item["rgb"]) for item in ask.params["legend"]}
    assert all(name in a.instruction for a in asks for name in VOCABULARY[:5])
    more = semantic.permuted(ask.params, Stream(2), 12)
    assert [a.params for a in more[:5]] == [a.params for a in asks]
    said = {(i["name"], tuple(i["rgb"])) for a in more for i in a.params["legend"]}
    assert len(said) == 60, "other colours once all had each"
    several = (Expression(text="it", targets=(0,)), Expression(text="that", targets=(1,)))
    first = refer.ask(entry(2, several), Stream(3), several=1.0, negatives=0.0)
    asks = refer.permuted(first.params, Stream(4), 4)
    assert asks[0].params == first.params
    assert asks[1].params["legend"][0]["rgb"] == first.params["legend"][1]["rgb"]
    assert not any(refer.unsaid(a.instruction, a.params) for a in asks)
    assert len({tuple(i["rgb"]) for a in asks for i in a.params["legend"]}) == 4


def test_votes_mend_a_minority_of_wrong_bindings() -> None:
    import torch

    truth = label(np.random.default_rng(0).integers(0, 4, (20, 30)), 3)
    ask = semantic.ask(entry(3), Stream(1), absent=0.0, subset=0.0)
    answers = []
    for turn, one in enumerate(semantic.permuted(ask.params, Stream(2), 5)):
        rgb = semantic.render(truth, one.params)
        if turn < 2:  # two of five bind two colours the wrong way round
            a, b = (torch.tensor(i["rgb"], dtype=torch.uint8) for i in one.params["legend"][:2])
            is_a, is_b = (rgb == a).all(-1), (rgb == b).all(-1)
            rgb[is_a], rgb[is_b] = b, a
        answers.append(semantic.decode(rgb, one.params))
    merged = semantic.vote(answers)
    said = np.array(["", *merged.classes])[merged.ids.numpy()]
    assert (said == np.array(["", *truth.classes])[truth.ids.numpy()]).all()
    assert merged.valid.all()


def test_rejected_pixels_have_no_vote() -> None:
    import torch

    one = label(np.array([[1, 1, 0]]), 2)
    two = label(np.array([[2, 2, 0]]), 2)
    blind = Segments(
        ids=two.ids, classes=two.classes, things=two.things, crowds=two.crowds,
        valid=torch.tensor([[False, True, False]]),
    )  # fmt: skip
    merged = semantic.vote([one, blind, blind])
    assert merged.ids.tolist() == [[1, 2, 0]]
    assert semantic.vote([blind]).valid.tolist() == [[False, True, False]]


EXPRESSIONS = (
    Expression(text="the left one", targets=(0,)),
    Expression(text="kind 0 by the wall", targets=(0,)),
    Expression(text="the right one", targets=(1,)),
    Expression(text="both at the back", targets=(2, 3)),
)


def test_expressions_are_painted_in_their_colours() -> None:
    truth = label(np.array([[1, 2, 3, 4, 0]]), 4)
    shares = {"several": 0, "negative": 0}
    for k in range(600):
        ask = refer.ask(entry(4, EXPRESSIONS), Stream(k), vocabulary=WORDS)
        rgb = refer.render(truth, ask.params)
        assert refer.roundtrip(truth, rgb, ask.params) == 0
        painted = {tuple(rgb[0, t].tolist()) for i in ask.params["legend"] for t in i["targets"]}
        wanted = {tuple(item["rgb"]) for item in ask.params["legend"] if item["targets"]}
        assert painted == wanted
        claimed = [t for item in ask.params["legend"] for t in item["targets"]]
        assert len(claimed) == len(set(claimed))
        assert int((rgb != 0).any(-1).sum()) == len(claimed)
        assert all(item["name"] in ask.instruction for item in ask.params["legend"])
        shares["several"] += len(ask.params["legend"]) > 1
        shares["negative"] += not claimed
    assert 0.25 < shares["several"] / 600 < 0.41
    assert 0.06 < shares["negative"] / 600 < 0.14


def test_a_negative_names_something_that_is_not_there() -> None:
    for k in range(50):
        ask = refer.ask(entry(4, EXPRESSIONS), Stream(k), vocabulary=WORDS, negatives=1.0)
        (item,) = ask.params["legend"]
        assert item["name"].removeprefix("the ") in VOCABULARY[4:]
