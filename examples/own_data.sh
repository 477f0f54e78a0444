#!/usr/bin/env bash
# Data of your own: pictures with depth and masks in folders, of which no recipe exists yet.
#
#     examples/own_data.sh runs/own
set -euo pipefail
out=$1
mkdir -p "$out"

# Thirty pictures of a floor and a box, as a renderer might leave them: millimetres in 16-bit PNGs.
python - "$out/data" <<'EOF'
import sys
from pathlib import Path

import numpy as np
from PIL import Image

root = Path(sys.argv[1])
rows, columns = np.mgrid[0:96, 0:128]
for number in range(30):
    rng = np.random.default_rng(number)
    top, left = rng.integers(20, 50), rng.integers(10, 80)
    box = (rows >= top) & (rows < top + 30) & (columns >= left) & (columns < left + 40)
    metres = np.where(box, 2 + number / 30, 1.2 * 96 / (rows + 20))
    rgb = np.where(box[..., None], (200, 60, 40), (90, 120, 90)) * (4 / (3 + metres[..., None]))
    noise = rng.normal(0, 4, rgb.shape)
    for folder, picture in (
        ("rgb", (rgb + noise).clip(0, 255).astype(np.uint8)),
        ("depth", (metres * 1000).round().astype(np.uint16)),
        ("masks", box.astype(np.uint8)),
    ):
        path = root / folder / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
EOF

vbdata init "$out/data" --out "$out/draft.yaml" # what can be seen in the files, the rest as questions

cat > "$out/recipe.yaml" <<EOF
name: own
seed: 1
samples: 40
shard_size: 20
sources:
  mine:
    dataset: folders
    root: data
    images: "rgb/{id}.png"
    depth: {files: "depth/{id}.png", scale: 1000, kind: z, invalid: [0]}
    segments: {files: "masks/{id}.png", coding: index, names: {0: floor, 1: box}, things: [box]}
    licence: CC0-1.0
    tasks: {depth: 0.5, semantic: 0.5}
EOF

vbdata doctor "$out/recipe.yaml" --picture "$out/labels.png" # what the data make of these answers
vbdata build "$out/recipe.yaml" --out "$out/build" --local
vbdata verify "$out/build"
vbdata report "$out/build" --out "$out/report.html"
