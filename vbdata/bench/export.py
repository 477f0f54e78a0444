"""Hand-over: answers, merged, as files that official scripts read. forms.yaml has the forms.

Files are named by the records' ids, as official scripts look for them, below the output folder.
"""

from __future__ import annotations

import functools
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from vbdata.bench.answers import Answers, answer_to
from vbdata.bench.facts import Benchmark
from vbdata.bench.rows import Query, Rows
from vbdata.core.png import encode_png, encode_png16
from vbdata.errors import RecipeError, choices
from vbdata.evaluation.predictions import Fault

FILE = Path(__file__).with_name("forms.yaml")
RESULTS, AS_IT_IS = "results", "pictures"
NUMBER = re.compile(r"(\d+)(?!.*\d)")  # the last number in an id


@functools.cache
def forms() -> Mapping[str, Mapping[str, Any]]:
    """The known forms by name: `kinds` of benchmarks, `by`, and what each is (`said`)."""
    content: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return content


def hand_over(
    benchmark: Benchmark, rows: Rows, answers: Answers, form: str, out: Path
) -> tuple[int, list[Fault]]:
    """Write the answers to a benchmark in a form; return how many queries, and what was wrong.

    Raises RecipeError for a form that is not this benchmark's, for ids that are no file names, and
    for answers that cannot be merged.
    """
    fitting = [name for name, each in forms().items() if benchmark.kind in each["kinds"]]
    if form not in fitting:
        kind = f"{benchmark.name} has {benchmark.kind}"
        raise RecipeError([f"--as {form}: {kind}{choices(form, fitting)}"])
    by = forms()[form]["by"]
    out.mkdir(parents=True, exist_ok=True)
    faults, results, count = list[Fault](), list[dict[str, Any]](), 0
    if by == AS_IT_IS:
        count, faults = _collected(rows, answers, out)
        return count, faults + list(answers.strangers(rows.keys))
    for query in rows.queries:
        answer, wrong = answer_to(query, answers)
        faults += wrong
        if answer is None:
            continue
        count += 1
        if by == RESULTS:
            results += _results(query, answer)
        else:
            ending, write = WRITERS[by]
            path = place(out, query.sample_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(f"{path.name}.{ending}").write_bytes(write(benchmark, answer))
    if by == RESULTS:
        (out / "answers.json").write_text(json.dumps(results))
    return count, faults + list(answers.strangers(rows.keys))


def place(out: Path, sample_id: str) -> Path:
    """The path of a record's file below a folder, without an ending. Raises RecipeError."""
    parts = sample_id.split("/")
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
        raise RecipeError([f"the record {sample_id!r} is no name for a file"])
    return out.joinpath(*parts)


def _collected(rows: Rows, answers: Answers, out: Path) -> tuple[int, list[Fault]]:
    """Write the answers as they are, of any size; how many queries have one, and what is wrong."""
    faults, count = list[Fault](), 0
    for query in rows.queries:
        found = [p for row in query.votes for p in answers.pictures(row)]
        pictures = [picture for picture in found if not isinstance(picture, Fault)]
        faults += [fault for fault in found if isinstance(fault, Fault)]
        if len(found) > 1:
            raise RecipeError(["pictures that are judged have one answer each, not several votes"])
        for picture in pictures:
            count += 1
            path = place(out, query.sample_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(f"{path.name}.png").write_bytes(encode_png(picture))
    return count, faults


def _ids(benchmark: Benchmark, answer: Any) -> bytes:
    """Segments as a PNG of the benchmark's numbers."""
    from PIL import Image

    numbers = np.array([0, *(benchmark.ids[name] for name in answer.classes)], np.uint8)
    ids = np.where(np.asarray(answer.valid), np.asarray(answer.ids), 0)
    buffer = io.BytesIO()
    Image.fromarray(numbers[ids]).save(buffer, "PNG")
    return buffer.getvalue()


def _steps(benchmark: Benchmark, answer: Any) -> bytes:
    """Depth as a PNG of 16 bits."""
    metres = np.asarray(answer.metres).astype(np.float64)
    steps = np.clip(np.rint(metres * benchmark.units), 1, 65535)
    return encode_png16(np.where(np.asarray(answer.valid), steps, 0).astype(np.uint16))


def _metres(benchmark: Benchmark, answer: Any) -> bytes:
    """Depth as an array."""
    buffer = io.BytesIO()
    metres = np.where(np.asarray(answer.valid), np.asarray(answer.metres), np.nan)
    np.save(buffer, metres.astype(np.float32))
    return buffer.getvalue()


def _colours(benchmark: Benchmark, answer: Any) -> bytes:
    """Normals as a PNG of 8 bits: (m + 1) / 2, where m is n with all axes turned round."""
    stored = np.rint(255 * (1 - np.asarray(answer.xyz)) / 2)
    return encode_png(np.ascontiguousarray(stored.astype(np.uint8).transpose(1, 2, 0)))


Write = Callable[[Benchmark, Any], bytes]
WRITERS: Mapping[str, tuple[str, Write]] = {
    "ids": ("png", _ids),
    "steps": ("png", _steps),
    "metres": ("npy", _metres),
    "colours": ("png", _colours),
}


def _results(query: Query, answer: Any) -> Iterator[dict[str, Any]]:
    """One mapping an instance, or one for a region that is not empty."""
    found = NUMBER.search(query.sample_id)
    image: int | str = int(found[1]) if found else query.sample_id
    ids = np.where(np.asarray(answer.valid), np.asarray(answer.ids), 0)
    scores = getattr(answer, "confidence", None)
    for number in range(1, 2 if scores is None else len(scores) + 1):
        mask = ids == number
        if not mask.any():
            continue
        one: dict[str, Any] = {
            "image_id": image,
            "category_id": 1,
            "segmentation": {"size": list(mask.shape), "counts": _run_lengths(mask)},
            "bbox": _box(mask),
            "score": 1.0 if scores is None else round(float(scores[number - 1]), 6),
        }
        if scores is None:
            one["expression"] = query.row.params["legend"][0]["name"]
        yield one


def _run_lengths(mask: NDArray[np.bool_]) -> str:
    """A mask, bool[H, W], as compressed run lengths."""
    from pycocotools import mask as masks

    counts: bytes = masks.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    return counts.decode()


def _box(mask: NDArray[np.bool_]) -> list[float]:
    """left, top, width and height in pixels of a mask, bool[H, W], that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    left, top = int(columns[0]), int(rows[0])
    return [float(v) for v in (left, top, columns[-1] - left + 1, rows[-1] - top + 1)]
