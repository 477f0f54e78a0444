#!/usr/bin/env bash
# Pillow 13.0.0, OpenCV 5.0.0: lossless WebP clears the colours of transparent pixels.
#
# Guess:  lossless means that the decoded array is the encoded one.
# Seen:   Pillow's lossless=True and OpenCV's quality above 100 set red, green and blue to 0 where
#         alpha is 0. Pillow keeps them with exact=True; OpenCV has no such switch; imagecodecs 2026.3.6
#         keeps them by default. PNG keeps them in all three.
# Matters: whoever stores four channels that are not colour and coverage, normals with a validity mask,
#         or a picture with its matte: the picture under the mask is gone, and a checksum of the pixels
#         differs from the PNG's.
#
# Output seen:
#     Pillow, lossless=True: 128 of 256 pixels differ
#     Pillow, lossless=True, exact=True: 0 of 256 pixels differ
#     OpenCV, quality 101: 128 of 256 pixels differ
#     imagecodecs, lossless=True: 0 of 256 pixels differ
#     Pillow, without alpha of 0: 0 of 256 pixels differ
set -euo pipefail
here=$(mktemp -d) && trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/python" -m pip install --quiet \
    pillow==13.0.0 opencv-python-headless==5.0.0.93 imagecodecs==2026.3.6 numpy==2.4.6
"$here/venv/bin/python" - <<'EOF'
import io

import cv2
import imagecodecs
import numpy as np
from PIL import Image

pixels = np.random.default_rng(0).integers(1, 256, (16, 16, 4), dtype=np.uint8)
masked = pixels.copy()
masked[:8, :, 3] = 0


def pillow(array, **options):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "WEBP", lossless=True, **options)
    return np.asarray(Image.open(io.BytesIO(file.getvalue())))


def opencv(array):
    file = cv2.imencode(".webp", array, [cv2.IMWRITE_WEBP_QUALITY, 101])[1]
    return cv2.imdecode(file, cv2.IMREAD_UNCHANGED)


for name, found, given, expected in (
    ("Pillow, lossless=True", pillow(masked), masked, 128),
    ("Pillow, lossless=True, exact=True", pillow(masked, exact=True), masked, 0),
    ("OpenCV, quality 101", opencv(masked), masked, 128),
    ("imagecodecs, lossless=True",
     imagecodecs.webp_decode(imagecodecs.webp_encode(masked, lossless=True)), masked, 0),
    ("Pillow, without alpha of 0", pillow(pixels), pixels, 0),
):
    count = int((found != given).any(axis=2).sum())
    print(f"{name}: {count} of 256 pixels differ")
    assert found.shape == given.shape and count == expected
EOF
