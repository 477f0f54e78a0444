"""Instances: PQ, F1, SA-Co's cgF1 and AP against independent arithmetic and reference libraries."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.instances import InstancesMeter, confidence
from vbdata.evaluation.metrics.matching import Instances, assigned, overlaps

ANY = Geometry(source=(1, 1), scaled=(1, 1), left=0, top=0, width=1, height=1)
Pair = tuple[Instances, Instances]
SIDE = 32


def instances(
    ids: Any, name: str = "cat", valid: Any = None, sure: Any = None, count: int | None = None
) -> Instances:
    at = np.atleast_2d(np.asarray(ids, np.int32))
    most = int(at.max(initial=0)) if count is None else count
    return Instances(
        name=name,
        ids=at,
        valid=np.ones(at.shape, bool) if valid is None else np.atleast_2d(valid),
        confidence=np.ones(most) if sure is None else np.asarray(sure, float),
    )


def metered(*pairs: Pair) -> InstancesMeter:
    meter = InstancesMeter()
    for truth, answer in pairs:
        meter.add(truth, answer, ANY)
    return meter


def drawn(rng: np.random.Generator, name: str, void: bool = False) -> Pair:
    """A truth of blocks, and an answer that is a damaged copy with pieces of its own."""
    truth = np.zeros((SIDE, SIDE), np.int64)
    for k in range(int(rng.integers(0, 5))):
        y, x = rng.integers(0, SIDE - 12, 2)
        truth[y : y + rng.integers(6, 13), x : x + rng.integers(6, 13)] = k + 1
    answer = np.roll(truth, rng.integers(-1, 2, 2), (0, 1)) * (rng.random(truth.shape) < 0.97)
    if rng.random() < 0.4:
        answer[: rng.integers(2, 9), : rng.integers(2, 9)] = 9
    if rng.random() < 0.3:
        answer[answer == 1] = 0
    truth, answer = packed(truth), packed(answer)
    valid = np.ones(truth.shape, bool)
    if void:
        valid = rng.random(truth.shape) < 0.9
        valid[:5] = False
    sure = rng.choice([0.3, 0.5, 0.7, 0.9], int(answer.max()))
    return instances(truth, name, valid), instances(answer, name, sure=sure)


def packed(ids: Any) -> Any:
    """The same segments numbered without gaps, 0 kept."""
    known = np.union1d([0], ids)
    return np.searchsorted(known, ids)


def many(seed: int, count: int, void: bool = False) -> list[Pair]:
    rng = np.random.default_rng(seed)
    return [drawn(rng, str(rng.choice(["cat", "dog", "emu"])), void) for _ in range(count)]


def test_by_hand() -> None:
    truth = instances([1, 1, 1, 1, 2, 2, 0, 0])
    answer = instances([1, 1, 1, 0, 0, 2, 3, 3])
    found = metered((truth, answer)).result()
    # one pair at 3/4; 2 against 2 is 1/2, which is no match for PQ and one for pmF1's first
    assert found["sq"] == pytest.approx(0.75)
    assert found["rq"] == found["f1"] == pytest.approx(2 / 5)
    assert found["pq"] == pytest.approx(0.75 / 2.5)
    hits = [2, 1, 1, 1, 1, 1, 0, 0, 0, 0]  # 0.50, 0.55 ... 0.75 ... 0.95
    assert found["pm_f1"] == pytest.approx(np.mean([2 * h / 5 for h in hits]))
    assert found["il_mcc"] is None
    assert found["cgf1"] is None


def test_cgf1_by_hand() -> None:
    full, empty = instances([1, 1, 0]), instances([0, 0, 0])
    half = instances([1, 0, 0])
    found = metered((full, full), (full, half), (full, empty), (empty, empty), (empty, full))
    # TP 2, FP 0 (that of the negative does not count), FN 1 at 0.5; TP 1, FP 1, FN 2 above
    expected = (2 * 2 / 5 + 9 * 2 * 1 / 5) / 10
    # presence: TP 2, FN 1, FP 1, TN 1
    mcc = (2 * 1 - 1 * 1) / math.sqrt(3 * 3 * 2 * 2)
    result = found.result()
    assert result["pm_f1"] == pytest.approx(expected)
    assert result["il_mcc"] == pytest.approx(mcc)
    assert result["cgf1"] == pytest.approx(100 * expected * mcc)
    alike = metered((full, full), (empty, full)).result()
    assert alike["il_mcc"] == 0


def panoptic(pairs: list[Pair]) -> dict[str, float]:
    """PQ, SQ, RQ from sets of pixels, as the paper defines them."""
    lines: dict[str, list[float]] = {}
    for truth, answer in pairs:
        line = lines.setdefault(truth.name, [0.0, 0, 0, 0])
        void = ~truth.valid
        wanted = [m for k in np.unique(truth.ids) if k and (m := (truth.ids == k) & ~void).any()]
        taken, left = 0, 0
        for k in np.unique(answer.ids[answer.ids > 0]):
            mask = answer.ids == k
            ious = [(mask & w).sum() / ((mask | w) & ~void).sum() for w in wanted]
            best = max(ious, default=0.0)
            if best > 0.5:
                line[0] += best
                taken += 1
            elif (mask & void).sum() * 2 <= mask.sum():
                left += 1
        line[1] += taken
        line[2] += left
        line[3] += len(wanted) - taken
    seen = [line for line in lines.values() if sum(line[1:])]
    pq = [iou / (tp + fp / 2 + fn / 2) for iou, tp, fp, fn in seen]
    sq = [iou / tp if tp else 0.0 for iou, tp, _, _ in seen]
    rq = [tp / (tp + fp / 2 + fn / 2) for _, tp, fp, fn in seen]
    return {"pq": float(np.mean(pq)), "sq": float(np.mean(sq)), "rq": float(np.mean(rq))}


@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_panoptic_quality_from_sets_of_pixels(seed: int, void: bool) -> None:
    pairs = many(seed, 12, void)
    found = metered(*pairs).result()
    assert {name: found[name] for name in ("pq", "sq", "rq")} == pytest.approx(panoptic(pairs))
    assert 0.2 < (found["pq"] or 0) < 0.95  # the cases are neither empty nor trivial


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 5))
def test_the_assignment_is_the_best_of_all(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    iou = rng.random((n, m)) * (rng.random((n, m)) < 0.7)
    wide = iou if n <= m else iou.T
    best = max(
        sum(wide[k, c] for k, c in enumerate(columns))
        for columns in itertools.permutations(range(wide.shape[1]), wide.shape[0])
    )
    pairs = assigned(iou)
    assert pairs.sum() == pytest.approx(best)
    assert len(pairs) <= min(n, m)


def reference(pairs: list[Pair], library: str) -> list[float]:
    """AP, AP50 and AP75 of the same masks by a library."""
    if library == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    else:
        module = pytest.importorskip(library)
        COCO, COCOeval = module.COCO, module.COCOeval
    from pycocotools.mask import area, encode, toBbox

    names = sorted({truth.name for truth, _ in pairs})
    images, wanted, painted = [], [], []
    for number, (truth, answer) in enumerate(pairs, 1):
        images.append({"id": number, "height": SIDE, "width": SIDE})
        for one, into in ((truth, wanted), (answer, painted)):
            for k in range(1, len(one.confidence) + 1):
                rle = encode(np.asfortranarray(one.ids == k, np.uint8))
                size, box = float(area(rle)), [float(x) for x in toBbox(rle)]
                rle["counts"] = rle["counts"].decode()
                line = {"image_id": number, "category_id": 1 + names.index(one.name)}
                line |= {"segmentation": rle, "area": size, "bbox": box, "iscrowd": 0}
                extra = {"score": float(one.confidence[k - 1])} if one is answer else {}
                into.append(line | extra | {"id": len(into) + 1})
    truth_set = COCO()
    truth_set.dataset = {
        "images": images,
        "annotations": wanted,
        "categories": [{"id": k, "name": name} for k, name in enumerate(names, 1)],
    }
    truth_set.createIndex()
    judge = COCOeval(truth_set, truth_set.loadRes(painted), "segm")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    return [float(x) for x in judge.stats[:3]]


@pytest.mark.parametrize("library", ["pycocotools", "hotcoco"])
@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_that_of_the_libraries(
    seed: int, library: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = many(100 + seed, 25)
    found = metered(*pairs).result()
    mine = [found[name] for name in ("ap", "ap_50", "ap_75")]
    assert mine == pytest.approx(reference(pairs, library), abs=1e-12)
    assert 0.05 < (found["ap"] or 0) < 0.95


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
def test_ids_may_be_passed_around(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = [drawn(rng, "cat") for _ in range(3)]
    turned = []
    for truth, answer in pairs:
        both = []
        for one in (truth, answer):
            order = rng.permutation(len(one.confidence))
            place = np.concatenate([[0], 1 + np.argsort(order)])
            both.append(instances(place[one.ids], sure=np.ones(len(order))))
        turned.append((both[0], both[1]))
    plain = [
        (truth, instances(answer.ids, count=len(answer.confidence))) for truth, answer in pairs
    ]
    one, other = metered(*plain).result(), metered(*turned).result()
    for name in ("pq", "sq", "rq", "f1", "pm_f1", "il_mcc"):  # AP ranks equal scores by id
        assert one[name] == pytest.approx(other[name])


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
def test_perfection_and_pieces(seed: int) -> None:
    pairs = many(seed, 6)
    full = instances([1, 0])
    best = metered(*[(t, instances(t.ids)) for t, _ in pairs], (full, full)).result()
    for name in ("pq", "sq", "rq", "f1", "pm_f1", "ap", "ap_50", "ap_75"):
        assert best[name] == 1
    assert best["il_mcc"] in (1, None)
    first, second = metered(*pairs[:2]), metered(*pairs[2:])
    first.merge(second)
    assert first.result() == pytest.approx(metered(*pairs).result())


def test_void() -> None:
    truth = instances([1, 1, 1, 1, 0, 0, 0, 0], valid=[True] * 4 + [False] * 4)
    beside = instances([1, 1, 1, 1, 0, 2, 2, 2])
    iou, counts = overlaps(truth, beside)
    assert iou.tolist() == [[1.0, 0.0]]
    assert counts.tolist() == [True, False]  # what lies in the void is nobody's mistake
    across = instances([1, 1, 1, 1, 1, 1, 1, 1])
    assert metered((truth, across)).result()["pq"] == 1
    hidden = instances([0, 0, 1, 1], valid=[True, True, False, False])
    assert metered((hidden, instances([0, 0, 0, 0]))).result()["pq"] is None


def test_empty_sets() -> None:
    assert set(InstancesMeter().result().values()) == {None}
    empty = instances([0, 0])
    only = metered((empty, empty))
    assert only.result()["pq"] is None
    assert only.result()["ap"] is None
    assert only.per_class() == {"cat": None}
    found = metered((instances([1, 1]), empty)).result()
    assert [found[name] for name in ("pq", "f1", "pm_f1", "ap")] == [0, 0, 0, 0]


def test_confidence_is_flatness() -> None:
    ids = np.array([[1, 1, 2, 2, 0]], np.int32)
    rgb = np.array([[[9, 8, 7], [9, 8, 7], [0, 0, 0], [255, 255, 255], [1, 2, 3]]], np.uint8)
    # the second is half a diagonal of the cube away from its mean everywhere
    assert confidence(rgb, ids, 3).tolist() == pytest.approx([1.0, 0.5, 1.0])
