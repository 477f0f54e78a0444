"""Panoptic quality, restated pixel by pixel from the paper's text and panopticapi's rules."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest

from vbdata.core.labels import Segments
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.panoptic import PanopticMeter

ANY = Geometry(source=(1, 1), scaled=(1, 1), left=0, top=0, width=1, height=1)
KINDS = (("cat", True), ("dog", True), ("sky", False), ("grass", False))


def segments(rng: np.random.Generator, crowds: bool) -> Segments:
    """Blocks of several classes over one another; stuff once at most."""
    ids, parts = np.zeros((24, 30), np.int32), list[tuple[str, bool, bool]]()
    for _ in range(int(rng.integers(1, 8))):
        name, thing = KINDS[int(rng.integers(0, 4))]
        if not thing and any(name == other for other, *_ in parts):
            continue
        y, x = rng.integers(0, 18, 2)
        ids[y : y + rng.integers(4, 14), x : x + rng.integers(4, 20)] = len(parts) + 1
        crowd = bool(crowds and thing and rng.random() < 0.25)
        one = any((name, True) == (other, group) for other, _, group in parts)
        parts.append((name, thing, crowd and not one))
    valid = rng.random(ids.shape) < 0.9
    return Segments(
        ids=np.where(valid | np.isin(ids, [k + 1 for k, p in enumerate(parts) if p[2]]), ids, 0),
        classes=tuple(p[0] for p in parts),
        things=tuple(p[1] for p in parts),
        crowds=tuple(p[2] for p in parts),
        valid=valid,
    )


def by_hand(pairs: list[tuple[Segments, Segments]]) -> dict[str, Any]:
    """(iou, tp, fp, fn) by class over sets of pixels, then the means."""
    lines: dict[str, list[float]] = defaultdict(lambda: [0.0, 0, 0, 0])
    for truth, answer in pairs:
        true = [set(np.flatnonzero(truth.ids == k + 1)) for k in range(len(truth.classes))]
        said = [
            set(np.flatnonzero((answer.ids == k + 1) & answer.valid))
            for k in range(len(answer.classes))
        ]
        crowded = [k for k, crowd in enumerate(truth.crowds) if crowd]
        group = set().union(*(true[k] for k in crowded))
        void = set(np.flatnonzero(truth.ids == 0)) | (set(np.flatnonzero(~truth.valid)) - group)
        hit, used = set(), set()
        for k, one in enumerate(true):
            for j, other in enumerate(said):
                if truth.classes[k] != answer.classes[j] or k in crowded or not one or not other:
                    continue
                iou = len(one & other) / len((one | other) - (void - one))
                if iou > 0.5:
                    line = lines[truth.classes[k]]
                    line[0] += iou
                    line[1] += 1
                    hit.add(k)
                    used.add(j)
        for k, one in enumerate(true):
            if one and k not in hit and k not in crowded:
                lines[truth.classes[k]][3] += 1
        for j, other in enumerate(said):
            mine = set().union(*(true[k] for k in crowded if truth.classes[k] == answer.classes[j]))
            if other and j not in used and not len(other & (void | mine)) > 0.5 * len(other):
                lines[answer.classes[j]][2] += 1
    found: dict[str, Any] = {}
    for ending, which in (("", {"cat", "dog", "sky", "grass"}), ("_th", {"cat", "dog"}),
                          ("_st", {"sky", "grass"})):  # fmt: skip
        some = [line for name, line in lines.items() if name in which and any(line[1:])]
        rates = [(n, n + fp / 2 + fn / 2, iou) for iou, n, fp, fn in some]
        values = {
            "pq": [iou / whole for _, whole, iou in rates],
            "sq": [iou / n if n else 0.0 for n, _, iou in rates],
            "rq": [n / whole for n, whole, _ in rates],
        }
        found |= {f"{n}{ending}": sum(v) / len(v) if v else None for n, v in values.items()}
    return found


def test_pq_is_that_of_sets_of_pixels() -> None:
    rng, seen = np.random.default_rng(5), Counter[bool]()
    for _ in range(12):
        meter, pairs = PanopticMeter(), list[tuple[Segments, Segments]]()
        for _ in range(3):
            truth, other = segments(rng, True), segments(rng, False)
            near = Segments(
                ids=np.where(rng.random(truth.ids.shape) < 0.9, truth.ids, 0),
                classes=truth.classes, things=truth.things,
                crowds=(False,) * len(truth.classes), valid=np.ones_like(truth.valid),
            )  # fmt: skip
            pairs += [(truth, near), (truth, other)]
        for truth, answer in pairs:
            meter.add(truth, answer, ANY)
            seen[any(truth.crowds)] += 1
        found = meter.result()
        wanted = by_hand(pairs)
        assert {n: found[n] for n in wanted} == pytest.approx(wanted, abs=1e-12)
    assert min(seen[True], seen[False]) > 3


def test_a_crowd_is_matched_by_nothing_and_hides_its_own_class_alone() -> None:
    ids = np.zeros((4, 4), np.int32)
    ids[:2] = 1
    row = np.ones((4, 4), bool)
    row[:2] = False  # as a target has it: its crowd is not valid
    truth = Segments(ids=ids, classes=("cat",), things=(True,), crowds=(True,), valid=row)
    for name, false in (("cat", 0), ("dog", 1)):
        answer = Segments(
            ids=ids, classes=(name,), things=(True,), crowds=(False,), valid=np.ones_like(row)
        )
        meter = PanopticMeter()
        meter.add(truth, answer, ANY)
        assert meter.result()["rq"] == (0.0 if false else None)
