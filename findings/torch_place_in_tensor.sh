#!/usr/bin/env bash
# torch 2.13.0, x86-64 with AVX2 or AVX-512: the same float32 number gives other results at other places.
#
# Guess:  an elementwise function looks at the element alone: f(x)[i] is f(x[i]), for any shape and
#         stride, as it is for sums and products.
# Seen:   exp2, sigmoid, softplus, atan2, cosh, sinh, pow and others have a vector version for whole
#         registers of a contiguous tensor and the C library's for the few elements at the end, for
#         small tensors and for strided ones. The two are a few units in the last place apart, for 3 to
#         47 numbers of 100. exp, log, sin, cos, tanh and acos give the same either way.
#         float64 is hit as well. It is a matter of the tensor, not of threads: each run repeats itself.
# Matters: whoever asks that a worker with batches of 32 and one with a last batch of 7, or a cropped
#         and a whole picture, give equal bytes, hashes, or the same side of a threshold.
#
# Output seen (AMD EPYC, AVX-512; the same functions with ATEN_CPU_CAPABILITY=avx2):
#     torch 2.13.0
#     exp2: 6.3 % differ in tensors of three, 6.3 % in a strided one, by up to 1 units
#     sigmoid: 2.8 % differ in tensors of three, 2.8 % in a strided one, by up to 2 units
#     softplus: 15.5 % differ in tensors of three, 15.5 % in a strided one, by up to 2 units
#     atan2(x, 0.3): 16.3 % differ in tensors of three, 16.3 % in a strided one, by up to 1 units
#     cosh: 11.3 % differ in tensors of three, 11.3 % in a strided one, by up to 1 units
#     sinh: 27.7 % differ in tensors of three, 27.7 % in a strided one, by up to 2 units
#     pow(x, 2.2): 47.1 % differ in tensors of three, 47.1 % in a strided one, by up to 5 units
#     exp: 0.0 % differ in tensors of three, 0.0 % in a strided one, by up to 0 units
#     (log, sin, cos, tanh and acos as exp)
set -euo pipefail
here=$(mktemp -d) && trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/python" -m pip install --quiet torch==2.13.0 numpy==2.4.6
"$here/venv/bin/python" - <<'EOF'
import torch
from torch.nn import functional

functions = {
    "exp2": torch.exp2, "sigmoid": torch.sigmoid, "softplus": functional.softplus,
    "atan2(x, 0.3)": lambda x: torch.atan2(x, torch.full_like(x, 0.3)),
    "cosh": torch.cosh, "sinh": torch.sinh, "pow(x, 2.2)": lambda x: x**2.2,
    "exp": torch.exp, "log": torch.log, "sin": torch.sin, "cos": torch.cos,
    "tanh": torch.tanh, "acos": torch.acos,
}
same = ["exp", "log", "sin", "cos", "tanh", "acos"]
values = torch.rand(60_000, generator=torch.Generator().manual_seed(0)) * 0.99 + 0.003
print(f"torch {torch.__version__.split('+')[0]}")
for name, function in functions.items():
    whole = function(values)
    pieces = torch.cat([function(piece) for piece in values.split(3)])
    strided = function(values.repeat_interleave(2)[::2])
    assert torch.equal(whole, function(values.clone()))
    short, step = ((whole != other).float().mean().item() * 100 for other in (pieces, strided))
    units = (whole.view(torch.int32) - pieces.view(torch.int32)).abs().max().item()
    print(f"{name}: {short:.1f} % differ in tensors of three, {step:.1f} % in a strided one, "
          f"by up to {units} units")
    assert (short == step == 0) if name in same else (short > 0.5 and step > 0.5)
EOF
