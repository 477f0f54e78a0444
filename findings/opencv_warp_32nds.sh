#!/usr/bin/env bash
# OpenCV 4.14.0 and 5.0.0: up to 4.14 remap and warpAffine round every position to 1/32 of a pixel.
#
# Guess:  maps and matrices are floating point, so a float32 depth map moved by 0.01 pixel is
#         interpolated at 0.01, and a new major release gives the same numbers to rounding.
# Seen:   4.14 rounds positions to steps of 1/32 pixel, bilinear and cubic, uint16 and float32 alike:
#         0.01 moves nothing, 0.02 moves by 0.031. 5.0 is exact. getRectSubPix is exact in both.
#         On a slope of 1 m per pixel that is up to 16 mm of depth.
# Matters: whoever undistorts, rectifies or augments depth and normals, compares the result with torch's
#         grid_sample, or keeps labels made with both releases in one data set.
#
# Output seen (a ramp of 1000 per pixel at column 20, moved; bilinear):
#     opencv 4.14.0, by 0.01: remap 20000.000, warpAffine 20000.000, warpPerspective 20000.000
#     opencv 4.14.0, by 0.02: remap 20031.250, warpAffine 20031.250, warpPerspective 20031.250
#     opencv 4.14.0, by 0.25: remap 20250.000, warpAffine 20250.000, warpPerspective 20250.000
#     opencv 4.14.0, random positions, uint16: off by up to 16
#     opencv 5.0.0, by 0.01: remap 20010.000, warpAffine 20010.000, warpPerspective 20010.000
#     opencv 5.0.0, by 0.02: remap 20020.000, warpAffine 20020.000, warpPerspective 20020.000
#     opencv 5.0.0, by 0.25: remap 20250.000, warpAffine 20250.000, warpPerspective 20250.000
#     opencv 5.0.0, random positions, uint16: off by up to 1
set -euo pipefail
here=$(mktemp -d) && trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/python" -m pip install --quiet numpy==2.4.6
cat > "$here/check.py" <<'EOF'
import cv2
import numpy as np

ramp = np.tile(np.arange(64, dtype=np.float32) * 1000, (48, 1))
columns, rows = np.meshgrid(np.arange(64, dtype=np.float32), np.arange(48, dtype=np.float32))
old = cv2.__version__.startswith("4.")
for shift in (0.01, 0.02, 0.25):
    matrix = np.array([[1, 0, -shift], [0, 1, 0], [0, 0, 1]], np.float64)
    found = {
        "remap": cv2.remap(ramp, columns + np.float32(shift), rows, cv2.INTER_LINEAR),
        "warpAffine": cv2.warpAffine(ramp, matrix[:2], (64, 48)),
        "warpPerspective": cv2.warpPerspective(ramp, matrix, (64, 48)),
    }
    at_20 = {name: float(image[20, 20]) for name, image in found.items()}
    print(f"opencv {cv2.__version__}, by {shift}: "
          + ", ".join(f"{name} {value:.3f}" for name, value in at_20.items()))
    step = round(shift * 32) / 32 if old else shift
    assert all(abs(value - 20_000 - 1000 * step) < 0.01 for value in at_20.values())
    middle = float(cv2.getRectSubPix(ramp, (1, 1), (20 + shift, 20.0))[0, 0])
    assert abs(middle - 20_000 - 1000 * shift) < 0.01

places = np.random.default_rng(0).uniform(1, 62, (48, 64)).astype(np.float32)
moved = cv2.remap(ramp.astype(np.uint16), places, rows, cv2.INTER_LINEAR)
error = float(np.abs(moved - places.astype(np.float64) * 1000).max())
print(f"opencv {cv2.__version__}, random positions, uint16: off by up to {error:.0f}")
assert error > 14 if old else error < 1.1
EOF
for version in 4.14.0.94 5.0.0.93; do
    "$here/venv/bin/python" -m pip install --quiet "opencv-python-headless==$version"
    "$here/venv/bin/python" "$here/check.py"
done
