#!/usr/bin/env bash
# safetensors 0.8.0: safetensors.numpy writes a transposed array in the order of its memory.
#
# Guess:  save() either writes the values in the order of the shape, as numpy.save and release 0.7.0 do,
#         or refuses the array, as safetensors.torch refuses a tensor that is not contiguous.
# Seen:   the file has the transposed shape over the untransposed values, without an error. Fortran
#         order, which scikit-learn and SciPy often give, is hit alike. Known upstream;
#         numpy.ascontiguousarray before saving is the way out.
# Matters: whoever stores channels-first pictures, normals or latents got by transpose(2, 0, 1): shape,
#         type, mean and histogram are right, the picture is garbled.
#
# Output seen:
#     safetensors 0.7.0: transposed True, Fortran order True, contiguous copy True
#     safetensors 0.8.0: transposed False, Fortran order False, contiguous copy True
#     a 2x3 grid [[0, 1, 2], [3, 4, 5]] saved as its transpose is read as [[0, 1], [2, 3], [4, 5]]
set -euo pipefail
here=$(mktemp -d) && trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/python" -m pip install --quiet numpy==2.4.6
cat > "$here/check.py" <<'EOF'
import numpy as np
import safetensors
from safetensors.numpy import load, save


def back(array):
    return load(save({"image": array}))["image"]


pixels = np.random.default_rng(0).random((4, 5, 3), dtype=np.float32)
cases = {
    "transposed": pixels.transpose(2, 0, 1),
    "Fortran order": np.asfortranarray(pixels),
    "contiguous copy": np.ascontiguousarray(pixels.transpose(2, 0, 1)),
}
same = {name: bool(np.array_equal(back(array), array)) for name, array in cases.items()}
print(f"safetensors {safetensors.__version__}: " + ", ".join(f"{name} {ok}" for name, ok in same.items()))
assert all(back(array).shape == array.shape for array in cases.values())
if safetensors.__version__ == "0.7.0":
    assert all(same.values())
else:
    assert list(same.values()) == [False, False, True]
    grid = np.arange(6).reshape(2, 3)
    found = back(grid.T).tolist()
    print(f"a 2x3 grid {grid.tolist()} saved as its transpose is read as {found}")
    assert found == [[0, 1], [2, 3], [4, 5]]
EOF
for version in 0.7.0 0.8.0; do
    "$here/venv/bin/python" -m pip install --quiet "safetensors==$version"
    "$here/venv/bin/python" "$here/check.py"
done
