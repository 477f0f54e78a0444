"""GenAI-Bench: 1,600 prompts for image generators, with the pictures that six of them made.

Licence: Apache-2.0. Layout of the files of BaiqiL/GenAI-Bench-1600, the zips unpacked or not:

    genai_image.json            {"00000": {"prompt": "...", "models": {"DALLE_3": [5, 4, 5]}}}
    DALLE_3/00000.jpeg          and DeepFloyd_I_XL_v1, Midjourney_6, SDXL_2_1, SDXL_Base and
                                SDXL_Turbo, each a folder in a zip of its name

- captions: the prompt, white space made single. id: its number. Groups: each prompt its own.
- model: whose pictures stand as the image. There is no right picture to a prompt: these are what
  people rated, from 1 to 5. Their ratings are not read, nor the skills of genai_skills.json.
- model: "" takes the prompts alone. The image is a grey chequered board of 1024 x 1024 then, which
  stands for no picture, as samples must have one; in a benchmark the answers are what counts.
- A prompt whose picture is missing is a fault. zhiqiulin/GenAI-Bench-527 has the same layout.
- Published win rates are people's, or those of a model that judges; none is computed here.

Nothing of it was seen here: layout and counts are those of the official loader.

Sources: linzhiqiu/t2v_metrics (dataset.py, genai_bench/generate.py); Li et al., "GenAI-Bench:
Evaluating and Improving Compositional Text-to-Visual Generation", CVPRW 2024, arXiv 2406.13743.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from vbdata.core.images import encode_jpeg
from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample, SourceError
from vbdata.storage.root import safe

from .parts import own_records, picture_files, records, spans

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "Apache-2.0"
HOMEPAGE = "https://huggingface.co/datasets/BaiqiL/GenAI-Bench-1600"
LABELS = ("captions",)
HOLDOUTS: dict[str, dict[str, object]] = {"genai-bench": {"model": ""}}

MODELS = (
    *("DALLE_3", "DeepFloyd_I_XL_v1", "Midjourney_6", "SDXL_2_1", "SDXL_Base", "SDXL_Turbo"),
    "",
)
PROMPTS = "genai_image.json"
COUNT = 1600
SIDE, SQUARE = 1024, 64  # pixels of the board
GREYS = (112, 144)


def index(root: Root, *, model: str = "DALLE_3") -> Iterator[Entry]:
    """The prompts by number.

    model: whose pictures stand as the image, DALLE_3, DeepFloyd_I_XL_v1, Midjourney_6, SDXL_2_1,
    SDXL_Base or SDXL_Turbo; "" for prompts alone. Raises SourceError without genai_image.json.
    """
    records.one_of("model", model, MODELS)
    measured = partial(own_records.measured_or_faulty, root, picture_files.SHOWN)
    listed = _all(root, model)
    return spans.Spans(listed, measured, spans.HEADS) if model else listed


index_parts, index_part = spans.parts(index)


def _all(root: Root, model: str) -> Iterator[Entry]:
    """The prompts before their pictures are measured. Raises SourceError."""
    value = _prompts(root)
    sizes = records.sizes(root, model) if model else {}
    for number in sorted(value):
        yield _entry(root, number, value[number], model, sizes)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, or the board, and the prompt. BadSample."""
    records.refuse(entry, kinds)
    boards = entry.files["image"].path == PROMPTS
    image = board() if boards else picture_files.read(root, entry, picture_files.SHOWN)
    return Sample(image=image, labels={"captions": entry.captions} if kinds else {})


def official(*, model: str = "DALLE_3") -> Official:
    """The release: the prompts, and the pictures of a model."""
    records.one_of("model", model, MODELS)
    at = f"{HOMEPAGE}/resolve/main"
    downloads = [Download(path=PROMPTS, archive="", url=f"{at}/{PROMPTS}")]
    if model:
        downloads.append(Download(path=model, archive=f"{model}.zip", url=f"{at}/{model}.zip"))
    return Official(entries=COUNT, downloads=tuple(downloads))


@cache
def board() -> bytes:
    """The JPEG of a chequered board, which stands where there is no picture."""
    squares = np.arange(SIDE) // SQUARE
    grey = np.array(GREYS, np.uint8)[(squares[:, None] + squares) % 2]
    return encode_jpeg(np.repeat(grey[..., None], 3, -1))


def _prompts(root: Root) -> dict[str, Any]:
    """Number -> what is said of a prompt. Raises SourceError."""
    data = records.source_bytes(root, PROMPTS, "the prompts")
    try:
        value = records.unpack(records.without_mark(data))
    except (ValueError, RecursionError) as err:
        raise SourceError(f"{root.url}: {PROMPTS} is no JSON: {err!s:.200}") from err
    if not isinstance(value, dict) or not value:
        raise SourceError(f"{root.url}: {PROMPTS} is no object of prompts by number")
    return {str(number): said for number, said in value.items() if records.text(number) and number}


def _entry(root: Root, number: str, said: Any, model: str, sizes: dict[str, int]) -> Entry:
    """A prompt's entry before its picture is measured, or its fault."""
    entry = Entry(
        id=number,
        group=f"genai-bench:{number}",
        width=0 if model else SIDE,
        height=0 if model else SIDE,
        license=LICENSE,
        files={},
        labels=LABELS,
    )
    try:
        entry = replace(
            entry,
            captions=own_records.texts(
                said.get("prompt") if isinstance(said, dict) else None, "prompt"
            ),
        )
        if not model:
            return replace(
                entry, files={"image": records.file_ref(PROMPTS, {PROMPTS: root.size(PROMPTS)})}
            )
        stem = safe(f"{model}/{number}")
        return replace(entry, files={"image": records.picture_ref(stem, "jpeg", sizes)})
    except BadSample as bad:
        return records.faulty(entry, bad, bad.file)
