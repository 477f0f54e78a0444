"""A miniature GenAI-Bench: prompts about balls, and pictures of two of the six models."""

from __future__ import annotations

import json
from pathlib import Path

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream

from .balls import still

PROMPTS = {
    "00000": "A red ball in front of a blue ball",
    "00001": "three balls of which none is  green, on a wooden floor",
    "00002": "A ball that is left of a smaller ball.",
    "00003": "No ball at all before a white wall",
}
SIDES = {"DALLE_3": 96, "SDXL_Base": 64}


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out genai_image.json, genai_skills.json and the folders of the models."""
    told = {
        number: {
            "id": number,
            "prompt": prompt,
            "models": {model: [1 + (k + j) % 5 for j in range(3)] for model in SIDES},
        }
        for k, (number, prompt) in enumerate(PROMPTS.items())
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "genai_image.json").write_text(json.dumps(told, indent=4), encoding="ascii")
    skills = json.dumps({"counting": ["00001"], "negation": ["00001", "00003"]})
    (folder / "genai_skills.json").write_text(skills, encoding="ascii")
    for model, side in SIDES.items():
        (folder / model).mkdir()
        for number in PROMPTS:
            shot = still(Stream(seed, "genai_bench", model, number), side, side)
            (folder / model / f"{number}.jpeg").write_bytes(encode_jpeg(shot.rgb))
