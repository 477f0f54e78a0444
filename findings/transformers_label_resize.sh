#!/usr/bin/env bash
# transformers 5.24.0: the BEiT and DPT image processors resize label maps with bicubic weights.
#
# Guess:  segmentation_maps= exists so that a processor resizes the labels by the nearest pixel.
# Seen:   SegFormer, MobileViT and MobileNetV2 do. BEiT and DPT pass the picture's own filter on:
#         a map of the classes 0, 1, 2 and 20 comes back with classes that no pixel had, between and
#         above them, without a word; do_resize is on by default. resample=0 (nearest) puts it right,
#         for the picture too. The processors on torchvision do the same as those on Pillow used here.
# Matters: whoever fine-tunes DPT or BEiT on masks: class borders are trained as other classes, and
#         255 for ignored pixels beside class 0 becomes classes in between.
#
# Output seen:
#     Segformer: 0, 1, 2, 20
#     MobileViT: 0, 1, 2, 20
#     MobileNetV2: 0, 1, 2, 20
#     Beit: 0, 1, 2, 3, 18, 19, 20
#     DPT: 0, 1, 2, 3, 18, 19, 20
#     Beit, resample=0: 0, 1, 2, 20
#     DPT, resample=0: 0, 1, 2, 20
set -euo pipefail
here=$(mktemp -d) && trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/python" -m pip install --quiet transformers==5.24.0 pillow==13.0.0 numpy==2.4.6
HF_HOME="$here/cache" TRANSFORMERS_VERBOSITY=error "$here/venv/bin/python" - <<'EOF'
import numpy as np
import transformers

transformers.logging.set_verbosity_error()
labels = np.array([[0, 1], [2, 20]], np.uint8).repeat(8, 0).repeat(8, 1)
picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def classes(model, **options):
    processor = getattr(transformers, f"{model}ImageProcessorPil")(
        size={"height": 8, "width": 8}, do_center_crop=False, **options)
    found = processor(picture, segmentation_maps=labels, return_tensors="np")["labels"]
    return np.unique(found).tolist()


for model in ("Segformer", "MobileViT", "MobileNetV2", "Beit", "DPT"):
    found = classes(model)
    print(f"{model}: {', '.join(map(str, found))}")
    assert (found == [0, 1, 2, 20]) == (model not in ("Beit", "DPT"))
for model in ("Beit", "DPT"):
    found = classes(model, resample=0)
    print(f"{model}, resample=0: {', '.join(map(str, found))}")
    assert found == [0, 1, 2, 20]
EOF
