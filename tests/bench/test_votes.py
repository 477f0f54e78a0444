"""Several answers to one query, merged pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vbdata.bench.answers import merged
from vbdata.bench.rows import Query
from vbdata.core.labels import Depth, Normals, Segments
from vbdata.errors import RecipeError
from vbdata.evaluation.metrics.matching import Instances


def query(task: str) -> Query:
    return Query(source="s", task=task, sample_id="a", number=0, votes=())


def depth(*metres: float) -> Depth:
    values = np.array([metres], np.float32)
    return Depth(metres=np.abs(values), valid=values > 0)  # below 0: a colour that is rejected


def test_depth_is_the_median_of_the_valid_answers() -> None:
    votes = [depth(1, 2, -9, -1, np.inf), depth(5, 4, 3, -5, np.inf), depth(2, np.inf, 4, -3, 1)]
    one = merged(query("depth"), votes)
    assert np.asarray(one.metres).tolist() == [[2, 4, 3.5, 3, np.inf]]
    assert np.asarray(one.valid).tolist() == [[True, True, True, False, True]]
    pair = merged(query("depth"), [depth(1, np.inf, 2), depth(3, np.inf, -7)])
    assert np.asarray(pair.metres).tolist() == [[2, np.inf, 2]]
    alone = depth(3, -2)
    assert merged(query("depth"), [alone]) is alone


def test_normals_are_the_direction_of_the_sum() -> None:
    def facing(*vectors: Any, valid: Any = True) -> Normals:
        xyz = np.array(vectors, np.float32).T[:, None]
        good = np.full(xyz.shape[1:], valid)
        return Normals(xyz=xyz, valid=good, sky=~good)

    up, left = (0, -1, 0), (-1, 0, 0)
    one = merged(query("normals"), [facing(up, up), facing(left, up)])
    half = -np.sqrt(0.5)
    assert np.allclose(np.asarray(one.xyz)[:, 0].T, [(half, half, 0), up], atol=1e-6)
    lost = merged(query("normals"), [facing(up), facing(left, valid=False)])
    assert np.asarray(lost.xyz)[:, 0, 0].tolist() == list(up)
    against = merged(query("normals"), [facing(up), facing((0, 1, 0))])
    assert np.asarray(against.xyz)[:, 0, 0].tolist() == list(up), "of no direction: the first"


def regions(ids: Any, valid: Any, classes: tuple[str, ...] = ("it",)) -> Segments:
    off = (False,) * len(classes)
    return Segments(
        ids=np.array([ids], np.int32), classes=classes, things=off, crowds=off,
        valid=np.array([valid], bool),
    )  # fmt: skip


def test_regions_need_more_than_half_of_the_valid_answers() -> None:
    votes = [regions([1, 1, 0, 1], [1, 1, 1, 0]), regions([1, 0, 0, 1], [1, 1, 1, 1]),
             regions([0, 0, 0, 1], [1, 1, 1, 0])]  # fmt: skip
    one = merged(query("refer"), votes)
    assert np.asarray(one.ids).tolist() == [[1, 0, 0, 1]]
    tie = merged(query("refer"), votes[:2])
    assert np.asarray(tie.ids).tolist() == [[1, 0, 0, 1]]


def test_classes_are_counted_by_name_and_instances_cannot_be() -> None:
    one = regions([1, 1, 2], [1, 1, 1], ("cat", "dog"))
    other = regions([2, 1, 1], [1, 1, 1], ("dog", "cat"))  # the same in another order
    merged_ = merged(query("semantic"), [one, other, other])
    names = ("", *merged_.classes)
    assert [names[k] for k in np.asarray(merged_.ids)[0]] == ["cat", "dog", "dog"]
    ids = np.zeros((1, 2), np.int32)
    instances = Instances(name="it", ids=ids, valid=ids == 0, confidence=np.ones(0))
    with pytest.raises(RecipeError, match="cannot be merged"):
        merged(query("instance"), [instances, instances])
