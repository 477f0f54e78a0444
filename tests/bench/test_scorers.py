"""Official scoring against formulas written out here: perfect, trivial and perturbed answers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as masks_of

from vbdata.bench.scorers.classes import ClassesScorer
from vbdata.bench.scorers.concepts import ConceptsScorer
from vbdata.bench.scorers.depth import DepthScorer, cropped
from vbdata.bench.scorers.normals import NormalsScorer
from vbdata.bench.scorers.regions import RegionsScorer
from vbdata.core.labels import Depth, Normals, Segments
from vbdata.evaluation.metrics.matching import Instances

RNG = np.random.default_rng(5)


def depth_of(metres: Any) -> Depth:
    values = np.asarray(metres, np.float32)
    return Depth(metres=values, valid=np.isfinite(values) & (values > 0))


def segments_of(ids: Any, *classes: str, valid: Any = None, known: tuple[str, ...] = (),
                crowds: tuple[bool, ...] = ()) -> Segments:  # fmt: skip
    ids = np.asarray(ids, np.int32)
    return Segments(
        ids=ids,
        classes=classes,
        things=(True,) * len(classes),
        crowds=crowds or (False,) * len(classes),
        valid=np.ones(ids.shape, np.bool_) if valid is None else np.asarray(valid),
        known=known,
    )


def test_crops_are_the_pixels_that_loaders_cut() -> None:
    rows, columns = np.nonzero(cropped(("eigen-indoor",), (480, 640)))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (45, 470, 41, 600)
    mask = np.zeros((375, 1242), bool)
    inner = mask[375 - 352 :, 13 : 13 + 1216]  # int((1242 - 1216) / 2)
    inner[int(0.40810811 * 352) : int(0.99189189 * 352),
          int(0.03594771 * 1216) : int(0.96405229 * 1216)] = True  # fmt: skip
    assert (cropped(("kb", "garg"), (375, 1242)) == mask).all()
    assert cropped((), (3, 4)).all()


@pytest.mark.parametrize("align", ["none", "median", "least-squares"])
def test_depth_is_a_mean_over_images_of_what_lies_between_the_limits(align: str) -> None:
    scorer = DepthScorer({"one": {"near": 0.5, "cap": 8, "align": align}})
    wanted = []
    for scale in (1.0, 3.0):
        true = RNG.uniform(0.1, 10, (6, 9)).astype(np.float32)
        answer = (true * scale * RNG.uniform(0.8, 1.3, true.shape)).astype(np.float32)
        own = scorer.add([depth_of(true)], depth_of(answer), {})["one"]
        t, d = true.astype(np.float64), answer.astype(np.float64)
        inside = (t > 0.5) & (t < 8)
        t, d = t[inside], d[inside]
        if align == "median":
            d = d * np.median(t) / np.median(d)
        if align == "least-squares":
            scale_shift, *_ = np.linalg.lstsq(np.stack([d, np.ones_like(d)], 1), t, rcond=None)
            d = d * scale_shift[0] + scale_shift[1]
        d = np.clip(d, 0.5, 8)
        expected = [
            np.mean(np.maximum(d / t, t / d) < 1.25),
            np.mean(np.abs(d - t) / t),
            np.sqrt(np.mean((d - t) ** 2)),
        ]
        found = [own[name] for name in ("delta1", "absrel", "rmse")]
        assert found == pytest.approx(expected, rel=1e-5)
        wanted.append(expected)
    result = scorer.result()["one"]
    mean = np.mean(wanted, axis=0)
    assert [result[n] for n in ("delta1", "absrel", "rmse")] == pytest.approx(mean, rel=1e-5)


def test_far_depth_is_dropped_by_its_quantile_and_an_infinite_answer_counts() -> None:
    true = np.full((10, 20), 2.0, np.float32)
    true[0, 0] = 3000
    scorer = DepthScorer({"all": {}, "moge": {"farthest": 1000}})
    result = scorer.add([depth_of(true)], depth_of(np.full_like(true, 2.0)), {})
    assert result["moge"]["absrel"] == 0
    assert result["all"]["absrel"] == pytest.approx((3000 - 2) / 3000 / 200)
    sky = Depth(metres=np.full_like(true, np.inf), valid=np.ones(true.shape, bool))
    assert scorer.add([depth_of(true)], sky, {})["all"]["delta1"] == 0
    with pytest.raises(ValueError, match="no protocol of depth"):
        DepthScorer({"one": {"crop": ["garage"]}})


def test_normals_pooled_and_by_image_differ_as_sizes_do() -> None:
    scorer = NormalsScorer({"pooled": {"over": "pixels"}, "image": {"over": "images"}})
    angles = []
    for pixels, most in ((400, 5.0), (40, 60.0)):
        turn = np.radians(RNG.uniform(0, most, (1, pixels)))
        up = np.zeros((3, 1, pixels), np.float32)
        up[2] = -1
        turned = np.stack([np.sin(turn), np.zeros_like(turn), -np.cos(turn)]).astype(np.float32)
        valid = RNG.random((1, pixels)) < 0.8
        truth = Normals(xyz=up, valid=valid, sky=~valid)
        every = np.ones_like(valid)
        scorer.add([truth], Normals(xyz=turned, valid=every, sky=~every), {})
        angles.append(np.degrees(turn)[valid])
    pooled, image = scorer.result()["pooled"], scorer.result()["image"]
    together = np.concatenate(angles)
    assert pooled["mean"] == pytest.approx(together.mean(), abs=1e-3)
    assert pooled["below_11.25"] == pytest.approx(100 * np.mean(together < 11.25))
    assert pooled["median"] == pytest.approx(np.median(together), abs=0.011)
    assert image["mean"] == pytest.approx(np.mean([a.mean() for a in angles]), abs=1e-3)
    assert image["median"] == pytest.approx(np.mean([np.median(a) for a in angles]), abs=1e-3)


def test_classes_are_one_matrix_with_ignored_truth_left_out() -> None:
    names = ("road", "car", "sky")
    params = {"legend": [{"name": name} for name in names]}
    scorer = ClassesScorer({"official": {"categories": {"flat": ["road"], "rest": ["car", "sky"]}}})
    table = np.zeros((3, 4), int)
    for _ in range(3):
        true, painted = RNG.integers(0, 4, (5, 7)), RNG.integers(0, 4, (5, 7))
        void = RNG.random((5, 7)) < 0.2
        rejected = RNG.random((5, 7)) < 0.2
        scorer.add(
            [segments_of(true, *names, valid=~void)],
            segments_of(painted, *reversed(names), valid=~rejected),
            params,
        )
        for t, p, v, r in zip(*map(np.ravel, (true, painted, void, rejected)), strict=True):
            if t and not v:
                table[t - 1, 3 if r or not p else 3 - p] += 1
    ious = [table[k, k] / (table[k].sum() + table[:, k].sum() - table[k, k]) for k in range(3)]
    result = scorer.result()["official"]
    assert result["miou"] == pytest.approx(np.mean(ious))
    by_name = dict(zip(names, ious, strict=True))
    assert scorer.per_class() == pytest.approx(by_name)
    rest = table[1:, 1:3].sum() / (table[1:].sum() + table[:, 1:3].sum() - table[1:, 1:3].sum())
    assert result["miou_categories"] == pytest.approx(np.mean([ious[0], rest]))
    assert result["unanswered"] == pytest.approx(table[:, 3].sum() / table.sum())


def test_regions_are_summed_and_averaged_with_and_without_constants() -> None:
    scorer = RegionsScorer({"official": {}})
    inter = union = 0
    ious, lisa = [], []
    for targets in ([0], [1], [0, 1], []):
        true, painted = RNG.integers(0, 3, (6, 6)), RNG.integers(0, 2, (6, 6))
        void = RNG.random((6, 6)) < 0.3
        if not targets:
            painted[:] = 0
        params = {"legend": [{"name": "it", "targets": targets}]}
        scorer.add([segments_of(true, "a", "b", valid=~void)], segments_of(painted, "it"), params)
        a = np.isin(true, [k + 1 for k in targets])[~void]
        b = (painted == 1)[~void]
        i, u = (a & b).sum(), (a | b).sum()
        inter, union = inter + i, union + u
        ious.append(i / u if u else 1.0)
        lisa.append(i / (u + 1e-5) if u else 1.0)
    result = scorer.result()["official"]
    assert result["ciou"] == pytest.approx(inter / union)
    assert result["giou"] == pytest.approx(np.mean(ious))
    assert result["giou_lisa"] == pytest.approx(np.mean(lisa), rel=1e-12)
    assert result["giou_lisa"] != result["giou"]
    assert (result["n_acc"], result["t_acc"]) == (1, 1)


def best_f1(truth: list[tuple[Any, bool]], answer: Instances, crowds: str) -> Any:
    """Counts at ten thresholds by the best assignment, tried out; whether either has anything."""
    wanted = [mask for mask, crowd in truth if not crowd]
    groups = [mask for mask, crowd in truth if crowd]
    masks = [
        answer.ids == k + 1
        for k, sure in enumerate(answer.confidence)
        if sure >= 0.5 and (answer.ids == k + 1).any()
    ]
    if crowds == "ignored" and groups:
        group = np.logical_or.reduce(groups)
        masks = [m for m in masks if (m & group).sum() * 2 <= m.sum()]
    iou = np.array([[(w & m).sum() / max(1, (w | m).sum()) for m in masks] for w in wanted])
    limits = np.linspace(0.5, 0.95, 10)
    hits = np.zeros(10, int)
    if wanted and masks:
        small, large = sorted((len(wanted), len(masks)))
        table = iou if len(wanted) == small else iou.T
        best = max(
            itertools.permutations(range(large), small),
            key=lambda order: sum(table[k, place] for k, place in enumerate(order)),
        )
        pairs = np.array([table[k, place] for k, place in enumerate(best)])
        hits = (pairs[None] >= limits[:, None]).sum(1)
    counts = np.stack([hits, len(masks) - hits, len(wanted) - hits])
    return counts, bool(wanted), bool(masks)


def stored(mask: Any) -> dict[str, Any]:
    packed = masks_of.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {**packed, "counts": packed["counts"].decode()}


def official_f1(counts: Any) -> Any:
    tp, fp, fn = counts
    p, r = tp / (tp + fp + 1e-4), tp / (tp + fn + 1e-4)
    return 2 * p * r / (p + r + 1e-4)


@pytest.mark.parametrize("crowds", ["dropped", "ignored"])
@pytest.mark.parametrize("overlap", [False, True])
def test_concepts_take_the_best_of_three_annotators(crowds: str, overlap: bool) -> None:
    """As facebookresearch/sam3 has it, whose own code gave these numbers to the last digit."""
    scorer = ConceptsScorer({"one": {"crowds": crowds}})
    totals, presence = np.zeros((3, 10), int), np.zeros((2, 2), int)
    rng = np.random.default_rng(11)

    def shapes(count: int) -> Any:
        ids = np.zeros((16, 20), np.int32)
        for k in range(count):
            ids[2 : 2 + int(rng.integers(3, 12)), 5 * k : 5 * k + 4] = k + 1
        return ids

    for number in range(30):
        count = int(rng.integers(0, 4))
        base, truths, told = shapes(count), list[Any](), list[Any]()
        for _ in range(3):
            ids = np.roll(base, int(rng.integers(0, 3)), 0) * int(rng.random() < 0.85)
            seen = int(ids.max())
            group = tuple(bool(rng.random() < 0.2) for _ in range(seen))
            known = ("it",) if number % 7 else ()
            told.append([(ids == k + 1, crowd) for k, crowd in enumerate(group)])
            truths.append(segments_of(ids, *["it"] * seen, known=known, crowds=group))
            if overlap:  # the file has masks that lie over one another, and empty ones
                told[-1] = [(m | np.roll(m, 2, 1) if k else m & False, c)
                            for k, (m, c) in enumerate(told[-1])]  # fmt: skip
                truths[-1] = truths[-1], [(stored(m), c) for m, c in told[-1]]
        painted = shapes(int(rng.integers(0, 4))) if number % 3 else np.roll(base, 1, 0)
        sure = rng.choice([0.4, 0.5, 0.9], int(painted.max()))
        every = np.ones(painted.shape, bool)
        answer = Instances(name="it", ids=painted, valid=every, confidence=sure)
        scorer.add(truths, answer, {"class": "it"})
        if not number % 7:
            continue
        chosen = None
        for truth in told:
            counts, there, answered = best_f1(truth, answer, crowds)
            local = (
                None
                if not there and not answered
                else (0.0 if there and not answered else float(official_f1(counts).mean()))
            )
            if chosen is None or local is None or (chosen[0] is not None and local > chosen[0]):
                chosen = (local, counts, there, answered)
        assert chosen is not None
        _, counts, there, answered = chosen
        presence[int(there), int(answered)] += 1
        totals += counts * there
    (tn, fp), (fn, tp) = presence.tolist()
    mcc = (tp * tn - fp * fn) / (((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) ** 0.5 + 1e-6)
    pm_f1 = float(official_f1(totals).mean())
    result = scorer.result()["one"]
    assert result["pm_f1"] == pytest.approx(pm_f1, rel=1e-12)
    assert result["il_mcc"] == pytest.approx(mcc, rel=1e-12)
    assert result["cgf1"] == pytest.approx(100 * pm_f1 * mcc, rel=1e-12)
    assert (result["pairs"], result["left_out"]) == (25, 5)
