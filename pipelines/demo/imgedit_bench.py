"""A miniature ImgEdit-Bench: balls before a wall, five edits of basic and four of uge."""

from __future__ import annotations

import json
from pathlib import Path

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream

from .balls import still

WIDTH, HEIGHT = 80, 60
BASIC = {
    "1082": (
        "animal/000342021.jpg",
        "Change the  red ball's texture to a smooth surface.",
        "adjust",
    ),
    "1068": ("animal/000342021.jpg", "Remove the blue ball.", "remove"),
    "673": ("style/000278574.jpg", "Turn the picture into a woodcut.", "style"),
    "281": ("daily object/000386778.jpg", "Put a window into the wall.", "add"),
    "9": ("for_add/1.jpg", "Replace the yellow ball by a cube.", "replace"),
}
UGE = {
    "1": ("000029784.jpg", "Remove the ball that is nearest and paint the other one green."),
    "2": ("000065904.jpg", "Remove the ball in the middle."),
    "3": ("000066341.jpg", "Swap the two balls at the sides."),
    "10": ("000067890.jpg", "Change the floor between the balls to sand."),
}


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out Benchmark/ with the JSON files, and the pictures in folders of their own."""
    basic = {k: {"id": n, "prompt": p, "edit_type": t} for k, (n, p, t) in BASIC.items()}
    uge = {key: {"id": name, "prompt": prompt} for key, (name, prompt) in UGE.items()}
    for name, value in (("Basic/basic_edit.json", basic), ("UGE/UGE_edit.json", uge)):
        path = folder / "Benchmark" / name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(value, indent=4), encoding="ascii")
    pictures = {f"singleturn/{n}" for n, *_ in BASIC.values()} | {
        f"hard/{n}" for n, _ in UGE.values()
    }
    for name in sorted(pictures):
        path = folder / "Benchmark" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_jpeg(still(Stream(seed, "imgedit", name), WIDTH, HEIGHT).rgb))
