#!/usr/bin/env bash
# COCO and KITTI as they were downloaded: a mixture, a small model, its score, and a folder for a real trainer.
#
#     vbdata demo-data demo/data                   # or your own downloads, laid out as the official sets
#     examples/student.sh demo/data runs/student   # minutes on a laptop with the demo's miniatures
set -euo pipefail
data=$(realpath "$1") out=$2
mkdir -p "$out"

cat > "$out/recipe.yaml" <<EOF
name: student
seed: 7
samples: 48
shard_size: 16
image: {max_pixels: 16384, multiple_of: 16}
sources:
  coco: {dataset: coco, root: $data/coco, split: train2017, tasks: {semantic: 0.25, instance: 0.25, generate: 0.25}}
  kitti: {dataset: kitti, root: $data/kitti, tasks: {depth: 0.25}}
holdout: [kitti-eigen-test, {set: coco-val2017, root: $data/coco}]
EOF

vbdata doctor "$out/recipe.yaml"
vbdata build "$out/recipe.yaml" --out "$out/build" --local
vbdata verify "$out/build"
vbdata show "$out/build" --out "$out/sheet.png"

cat > "$out/train.yaml" <<EOF
name: student
seed: 0
steps: ${STEPS:-200}
batch: 8
precision: fp32
data: {builds: [build], size: 32, aspects: ["4:3", "2:1", "3:1"]}
model: {kind: flow, dim: 64, depth: 2, patch: 4, text_dim: 32, text_length: 32}
optim: {lr: 1.0e-3, warmup: 10, schedule: cosine}
run: {workers: 0}
EOF

vbdata train "$out/train.yaml" --out "$out/run"
vbdata export "$out/build" --to imagefolder --out "$out/pairs"
