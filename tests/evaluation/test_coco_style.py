"""Boxes and keypoints against pycocotools, flow against its formulas."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from vbdata.core.labels import Flow, Keypoints
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.boxes import Boxes, BoxesMeter
from vbdata.evaluation.metrics.flow import FlowMeter
from vbdata.evaluation.metrics.keypoints import KeypointsMeter

ANY = Geometry(source=(1, 1), scaled=(1, 1), left=0, top=0, width=1, height=1)
SIZE = (300, 400)
NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip


def coco_stats(kind: str, truths: list[Any], answers: list[Any], images: int) -> list[float]:
    """What pycocotools prints, by its order."""
    with contextlib.redirect_stdout(io.StringIO()):
        api = COCO()
        ids = sorted({each["category_id"] for each in truths})
        api.dataset = {
            "images": [{"id": k, "width": SIZE[1], "height": SIZE[0]} for k in range(images)],
            "annotations": truths,
            "categories": [{"id": k, "name": str(k)} for k in ids],
        }
        api.createIndex()
        run = COCOeval(api, api.loadRes(answers), kind)
        run.evaluate()
        run.accumulate()
        run.summarize()
    return list(run.stats)


def test_ap_of_boxes_is_that_of_pycocotools() -> None:
    rng, meter = np.random.default_rng(3), BoxesMeter()
    truths, answers = list[Any](), list[Any]()
    for image in range(30):
        kind = image % 3
        low = rng.integers(0, 150, (int(rng.integers(1, 6)), 2))
        true = np.concatenate([low, low + rng.integers(12, 100, low.shape)], 1).astype(float)
        kept = true[rng.random(len(true)) < 0.8]
        made = np.clip(kept + rng.normal(0, 6, kept.shape), 0, 400)
        made = np.concatenate([made, rng.integers(0, 90, (2, 4)) + np.array([0, 0, 100, 100.0])])
        sure = rng.permutation(len(made)) / 10 + image / 1000
        valid = np.ones(SIZE, bool)
        meter.add(
            Boxes(name=str(kind), corners=true, confidence=np.ones(len(true)), valid=valid),
            Boxes(name=str(kind), corners=made, confidence=sure, valid=valid), ANY,
        )  # fmt: skip
        for x0, y0, x1, y1 in true.tolist():
            truths.append(
                {"id": len(truths) + 1, "image_id": image, "category_id": kind, "iscrowd": 0,
                 "bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)}
            )  # fmt: skip
        for (x0, y0, x1, y1), score in zip(made.tolist(), sure.tolist(), strict=True):
            answers.append(
                {"image_id": image, "category_id": kind, "bbox": [x0, y0, x1 - x0, y1 - y0],
                 "score": score}
            )  # fmt: skip
    found, wanted = meter.result(), coco_stats("bbox", truths, answers, 30)
    assert [found["ap"], found["ap_50"], found["ap_75"]] == pytest.approx(wanted[:3], abs=1e-12)
    assert 0.1 < wanted[0] < 0.9


def test_a_box_on_void_does_not_count_unless_it_fits() -> None:
    valid = np.ones(SIZE, bool)
    valid[:, 200:] = False
    true = np.array([[10.0, 10, 60, 60], [250, 10, 300, 60]])
    made = np.array([[10.0, 10, 60, 60], [250, 10, 300, 60], [310, 10, 390, 90], [0, 100, 50, 150]])
    meter = BoxesMeter()
    meter.add(
        Boxes(name="a", corners=true, confidence=np.ones(2), valid=valid),
        Boxes(name="a", corners=made, confidence=np.ones(4), valid=np.ones(SIZE, bool)),
        ANY,
    )
    assert meter.result()["f1"] == pytest.approx(2 * 2 / (2 * 2 + 1))  # one is false, one is hidden
    assert meter.result()["iou"] == 1


def persons(rng: np.random.Generator, image: int) -> tuple[Keypoints, Keypoints]:
    """Some persons of all sizes, some without joints and a crowd, and answers near them."""
    count = int(rng.integers(1, 6))
    low = rng.uniform(0, 150, (count, 1, 2))
    side = rng.uniform(20, 150, (count, 1, 1))
    points = (low + rng.random((count, 17, 2)) * side).round()
    visible = (rng.random((count, 17)) < 0.7).astype(np.int8) * 2
    visible[rng.random(count) < 0.2] = 0
    crowds = np.zeros(count, bool)
    crowds[0] = image % 4 == 0
    visible[crowds] = 0
    boxes = np.concatenate([low, low + side], -1)[:, 0].round()
    areas = (side[:, 0, 0] ** 2 * rng.uniform(0.3, 0.8, count)).round()
    fields: dict[str, Any] = {"names": NAMES, "skeleton": (), "valid": np.ones(SIZE, bool)}
    truth = Keypoints(
        points=points.astype(np.float32), visible=visible, boxes=boxes.astype(np.float32),
        areas=areas.astype(np.float32), crowds=crowds, **fields,
    )  # fmt: skip
    off = rng.normal(0, 1, points.shape) * side * rng.choice([0.01, 0.05, 0.2], (count, 1, 1))
    said = np.concatenate([points + off, rng.uniform(0, 300, (2, 17, 2))])
    corners = np.concatenate([said.min(1), said.max(1)], -1)
    answer = Keypoints(
        points=said.astype(np.float32), visible=np.full(said.shape[:2], 2, np.int8),
        boxes=corners.astype(np.float32),
        areas=(corners[:, 2:] - corners[:, :2]).prod(-1).astype(np.float32),
        crowds=np.zeros(len(said), bool), **fields,
    )  # fmt: skip
    return truth, answer


def test_ap_of_keypoints_is_that_of_pycocotools() -> None:
    rng, meter = np.random.default_rng(8), KeypointsMeter()
    truths, answers = list[Any](), list[Any]()
    for image in range(24):
        truth, answer = persons(rng, image)
        meter.add(truth, answer, ANY)
        rows = zip(truth.points, truth.visible, truth.boxes, truth.areas, truth.crowds, strict=True)
        for points, visible, (x0, y0, x1, y1), area, crowd in rows:
            joints = np.concatenate([points, visible[:, None]], 1) * (visible > 0)[:, None]
            truths.append(
                {"id": len(truths) + 1, "image_id": image, "category_id": 1, "iscrowd": int(crowd),
                 "bbox": [float(x0), float(y0), float(x1 - x0), float(y1 - y0)],
                 "area": float(area), "keypoints": joints.ravel().tolist(),
                 "num_keypoints": int((visible > 0).sum())}
            )  # fmt: skip
        for points in answer.points.astype(float):
            joints = np.concatenate([points, np.full((17, 1), 2.0)], 1)
            answers.append(
                {"image_id": image, "category_id": 1, "score": 1.0,
                 "keypoints": joints.ravel().tolist()}
            )  # fmt: skip
    found = meter.result()
    wanted = coco_stats("keypoints", truths, answers, 24)[:6]
    said = [found[name] for name in ("ap", "ap_50", "ap_75", "ap_m", "ap_l", "ar")]
    assert said == pytest.approx(wanted, abs=1e-9)
    assert 0.05 < wanted[0] < 0.9


def test_flow_metrics_are_their_formulas() -> None:
    true = np.zeros((2, 2, 4), np.float32)
    true[0] = [[0, 10, 100, 100], [0, 10, 100, 5]]
    said = true.copy()
    said[0, 0] += [4, 2, 4, 6]  # off by more than 3 pixels: the first, third and fourth
    said[1, 1, 3] = 9
    valid = np.ones((2, 4), bool)
    valid[1, 3] = False
    meters = [FlowMeter(), FlowMeter()]
    for meter in meters:
        meter.add(Flow(uv=true, valid=valid), Flow(uv=said, valid=np.zeros((2, 4), bool)), ANY)
    meters[0].merge(meters[1])
    found = meters[0].result()
    assert found["epe"] == pytest.approx((4 + 2 + 4 + 6) / 7)
    assert found["fl_all"] == pytest.approx(100 * 2 / 7)  # 4 of 100 pixels is no outlier
    assert (found["above_1"], found["above_5"]) == pytest.approx((100 * 4 / 7, 100 / 7))
    assert (found["epe_median"], found["rejected"]) == (2, 1)
