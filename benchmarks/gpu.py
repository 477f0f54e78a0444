"""Resizing and rendering at a megapixel on a GPU against one core of the same machine.

    python -m benchmarks.gpu [--device cuda] [--megapixels 1] [--batch 8] [--rounds 3]

A line of JSON for each task: megapixels of output a second, of one core and of the device, each
with the check by the round trip and without it (`_unchecked`); `ratio` is between the two with it.
The core takes one image after the other. The device takes whole batches from pinned memory and
returns them to it; copies in, work and copies out overlap; `on_device` leaves the copies out.
`identical`: whether all bytes of pictures and masks are the same. With --device cpu the same code
runs without streams.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import fields, replace
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from vbdata import plugins
from vbdata.core.geometry import geometry_for
from vbdata.core.labels import Depth, Label, Normals, Segments, moved
from vbdata.core.types import Geometry

SEED = 20261126
CLASSES = tuple(f"thing {k}" for k in range(12))
LEGEND = [{"name": n, "rgb": [20 * k, 255 - 21 * k, 90 * k % 256]} for k, n in enumerate(CLASSES)]
WIDER = 1.3  # a source's sides against those of the output
TARGET = 20.0
Output = tuple[Tensor, Tensor]  # picture, mask


class Bench:
    """The labels of one task, as many as a batch has, and how they are drawn. task: its name."""

    def __init__(self, name: str, labels: list[Label], params: Any, geometry: Geometry) -> None:
        self.task, self.labels, self.params, self.geometry = name, labels, params, geometry

    def draw(self, label: Label, checked: bool) -> Output:
        """Resize and render a label and its mask; checked: with the round trip."""
        task = plugins.task(self.task)
        fitted: Any = label.fit(self.geometry)
        rgb: Tensor = task.render(fitted, self.params)
        valid: Tensor = task.valid(fitted, self.params)
        if checked:
            error = task.roundtrip(fitted, rgb, self.params)
            assert error <= task.TOLERANCE, (self.task, error)
        return rgb, valid


def main() -> None:
    """Print the lines; exit code 1 if a byte differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--megapixels", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--batches", type=int, default=16, help="in a round")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device(given.device)
    same = True
    for bench in benches(given.megapixels, given.batch):
        line = measured(bench, device, given.batches, given.rounds)
        same = same and line["identical"]
        print(json.dumps(line), flush=True)
    raise SystemExit(not same)


def measured(bench: Bench, device: torch.device, batches: int, rounds: int) -> dict[str, Any]:
    """The line of one task: bytes compared first, then core and device timed in turns."""
    ours = [bench.draw(label, True) for label in bench.labels]
    batch = pinned(stacked(bench.labels), device)
    theirs = run(bench, batch, device, 2, True)
    identical = all(torch.equal(a, b) for a, b in zip(joined(ours), theirs, strict=True))
    resident, rates = moved(batch, str(device)), dict[str, list[float]]()
    pixels = bench.geometry.width * bench.geometry.height * len(bench.labels) / 1e6
    for _ in range(rounds):
        for kind, checked in ("", True), ("_unchecked", False):
            of = {
                "cpu": (1, lambda p=checked: [bench.draw(label, p) for label in bench.labels]),
                "device": (batches, lambda p=checked: run(bench, batch, device, batches, p)),
                "on_device": (
                    batches,
                    lambda p=checked: alone(bench, resident, device, batches, p),
                ),
            }
            for name, (count, work) in of.items():
                rates.setdefault(name + kind, []).append(pixels * count / seconds(work))
    speeds = {name: round(statistics.median(each), 1) for name, each in rates.items()}
    return {
        "task": bench.task,
        "source": bench.geometry.source,
        "output": (bench.geometry.width, bench.geometry.height),
        "batch": len(bench.labels),
        "on": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "megapixels_per_s": speeds,
        "ratio": round(speeds["device"] / speeds["cpu"], 2),
        "ratio_unchecked": round(speeds["device_unchecked"] / speeds["cpu_unchecked"], 2),
        "target": TARGET,
        "identical": identical,
    }


def seconds(work: Callable[[], Any]) -> float:
    """Seconds on the clock that work takes; it waits for the device itself."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run(bench: Bench, batch: Label, device: torch.device, count: int, checked: bool) -> Output:
    """Draw a batch `count` times, from pinned memory to pinned memory; returns the last output."""
    into, back = stream_of(device), stream_of(device)
    outs: list[list[Tensor]] = [[], []]  # two buffers in turns
    ahead = fetched(batch, device, into)
    for number in range(count):
        here, arrived = ahead
        if number + 1 < count:
            ahead = fetched(batch, device, into)
        if arrived is not None:
            torch.cuda.current_stream(device).wait_event(arrived)
        drawn = bench.draw(here, checked)
        leave(drawn, outs[number % 2], back)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    rgb, valid = outs[(count - 1) % 2]
    return rgb, valid


def stream_of(device: torch.device) -> Any:
    """A new CUDA stream; None on a CPU."""
    make: Any = torch.cuda.Stream
    return make(device) if device.type == "cuda" else None


def fetched(batch: Label, device: torch.device, stream: Any) -> tuple[Label, Any]:
    """The batch on the device, copied by a stream, and the event of its arrival."""
    if stream is None:
        return moved(batch, str(device)), None
    with torch.cuda.stream(stream):
        parts = {name: part.to(device, non_blocking=True) for name, part in tensors(batch)}
        arrived = stream.record_event()
    for part in parts.values():
        part.record_stream(torch.cuda.current_stream(device))
    return replace(batch, **parts), arrived


def leave(drawn: Output, into: list[Tensor], stream: Any) -> None:
    """Copy an output to the host's buffers by a stream; empty buffers are made first."""
    if not into:
        into.extend(torch.empty(part.shape, dtype=part.dtype, pin_memory=part.is_cuda)
                    for part in drawn)  # fmt: skip
    with torch.cuda.stream(stream) if stream is not None else nullcontext():
        if stream is not None:
            stream.wait_stream(torch.cuda.default_stream(drawn[0].device))
        for buffer, part in zip(into, drawn, strict=True):
            buffer.copy_(part, non_blocking=True)
            if stream is not None:
                part.record_stream(stream)


def alone(bench: Bench, batch: Label, device: torch.device, count: int, checked: bool) -> None:
    """Draw a batch that is on the device already `count` times, without copies."""
    for _ in range(count):
        bench.draw(batch, checked)
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def tensors(label: Label) -> list[tuple[str, Any]]:
    """The parts of a label that are tensors."""
    parts = [(field.name, getattr(label, field.name)) for field in fields(label)]
    return [(name, part) for name, part in parts if isinstance(part, Tensor)]


def stacked(labels: list[Label]) -> Label:
    """One label with a leading batch dimension."""
    names = [name for name, _ in tensors(labels[0])]
    parts: dict[str, Any] = {n: torch.stack([getattr(x, n) for x in labels]) for n in names}
    return replace(labels[0], **parts)


def pinned(batch: Label, device: torch.device) -> Label:
    """The batch in pinned memory, which a GPU copies from by itself; as it is for a CPU."""
    if device.type != "cuda":
        return batch
    return replace(batch, **{name: part.pin_memory() for name, part in tensors(batch)})


def joined(outputs: list[Output]) -> Output:
    """Pictures and masks of single images as a batch."""
    rgb, valid = (torch.stack([one[k] for one in outputs]) for k in range(2))
    return rgb, valid


def benches(megapixels: float, batch: int) -> Iterator[Bench]:
    """Depth, normals and masks of made-up surfaces."""
    width = round((megapixels * (1 << 20) * 4 / 3) ** 0.5 * WIDER)
    geometry = geometry_for(width, width * 3 // 4, round(megapixels * (1 << 20)), 16)
    surfaces = [surface(number, *geometry.source) for number in range(batch)]
    kinds: list[list[Label]] = [list(each) for each in zip(*surfaces, strict=True)]
    params: tuple[dict[str, Any], ...] = (
        {"palette": "rgb-cube", "lambda": "-3", "c": "10/3"},
        {},
        {"legend": LEGEND, "background": [0, 0, 0]},
    )
    for name, labels, params_of in zip(
        ("depth", "normals", "semantic"), kinds, params, strict=True
    ):
        yield Bench(name, labels, params_of, geometry)


def surface(number: int, width: int, height: int) -> tuple[Depth, Normals, Segments]:
    """A smooth surface from 1 to 60 m with sky above it and a tenth of its pixels missing."""
    rng = np.random.default_rng((SEED, number))
    coarse = rng.random((9, 12)).astype(np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    seen = rng.random((height, width)) < 0.9
    sky = np.zeros((height, width), np.bool_)
    sky[: height // 8] = True
    y, x = np.gradient(field * 400)
    xyz = np.stack([x, y, np.full_like(x, -1)])
    xyz /= np.sqrt((xyz * xyz).sum(0))
    metres = np.where(sky, np.inf, 1 + 59 * field * field).astype(np.float32)
    ids = np.where(sky, 0, 1 + field * (len(CLASSES) - 1e-3)).astype(np.int32)
    mask, above = torch.from_numpy(seen), torch.from_numpy(sky)
    return (
        Depth(metres=torch.from_numpy(metres), valid=mask),
        Normals(xyz=torch.from_numpy(xyz.astype(np.float32)), valid=mask & ~above, sky=above),
        Segments(
            ids=torch.from_numpy(ids),
            classes=CLASSES,
            things=(False,) * len(CLASSES),
            crowds=(False,) * len(CLASSES),
            valid=mask,
        ),
    )


if __name__ == "__main__":
    main()
