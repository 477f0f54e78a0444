#!/usr/bin/env bash
# kornia 0.9.0 with torch 2.13.0: remap with the identity map changes the picture, center_crop blends it.
#
# Guess:  remap with each pixel's own coordinates returns the picture, as OpenCV's does, and a crop
#         copies pixels.
# Seen:   remap turns pixel coordinates into torch's range by the rule for align_corners=True and then
#         samples by the rule for False, its default: the picture is stretched by half a pixel at each
#         border and its border pixels are halved. align_corners=True gives the picture back.
#         center_crop of an even size out of an odd one takes the mean of four pixels: labels 0 and 8
#         give 2, 4 and 6. CenterCrop of kornia.augmentation cuts, and does not blend.
# Matters: whoever undistorts or rectifies with kornia, or crops label maps with it.
#
# Output seen:
#     given: [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
#     remap, identity: [0.5, 1.7, 2.9, 4.1, 5.3, 3.0]
#     remap, identity, align_corners=True: [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
#     center_crop of labels 0 and 8: [2.0, 4.0, 6.0, 8.0]
#     CenterCrop of labels 0 and 8: [0.0, 8.0]
set -euo pipefail
here=$(mktemp -d) && trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/python" -m pip install --quiet kornia==0.9.0 torch==2.13.0 numpy==2.4.6
"$here/venv/bin/python" -W ignore - <<'EOF'
import torch
from kornia.augmentation import CenterCrop
from kornia.geometry.transform import center_crop, remap

picture = torch.arange(1.0, 7.0).expand(1, 1, 5, 6).contiguous()
rows, columns = torch.meshgrid(torch.arange(5.0), torch.arange(6.0), indexing="ij")
default = remap(picture, columns[None], rows[None])
aligned = remap(picture, columns[None], rows[None], align_corners=True)
print("given:", picture[0, 0, 2].tolist())
print("remap, identity:", [round(value, 2) for value in default[0, 0, 2].tolist()])
print("remap, identity, align_corners=True:", [round(value, 2) for value in aligned[0, 0, 2].tolist()])
assert torch.allclose(aligned, picture, atol=1e-5)
assert (default - picture).abs()[0, 0, 2].max() > 0.4

labels = torch.zeros(1, 1, 5, 5)
labels[..., ::2, ::2] = 8
labels[..., 2:, 3:] = 8
blended = center_crop(labels, (4, 4)).round(decimals=3).unique().tolist()
cut = CenterCrop((4, 4), p=1.0)(labels).unique().tolist()
print("center_crop of labels 0 and 8:", blended)
print("CenterCrop of labels 0 and 8:", cut)
assert cut == [0, 8] and set(blended) - {0, 8}
EOF
