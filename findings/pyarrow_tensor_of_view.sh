#!/usr/bin/env bash
# pyarrow 26.0.1: FixedShapeTensorArray.from_numpy_ndarray stores a transposed or flipped view wrongly.
#
# Guess:  the array's order in memory is kept in the type's permutation, so that any NumPy view comes
#         back as it went in, or is refused (a view whose first stride is not the largest is).
# Seen:   swapping two axes comes back right. Channels first by transpose(0, 3, 1, 2), the usual way,
#         gets the inverse of the permutation: as Arrow defines the type, a tensor of 3x4x5 reads as
#         5x3x4, and one of 4x4x4 has other values. Rows turned by [:, ::-1] are stored as columns and
#         read scattered; columns turned by [:, :, ::-1] are right. No error when written, into Parquet
#         or Lance neither. numpy.ascontiguousarray first is the way out.
# Matters: whoever writes pictures, normals or embeddings as Arrow tensors after a transpose or a flip.
#
# Output seen:
#     contiguous: the same
#     two axes swapped: the same
#     columns turned: the same
#     rows turned: other values
#     channels first, 4x4: other values
#     channels first, 4x5: shape (5, 3, 4) for (3, 4, 5)
#     channels first, 4x5, copied: the same
set -euo pipefail
here=$(mktemp -d) && trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/python" -m pip install --quiet pyarrow==26.0.1 numpy==2.4.6
"$here/venv/bin/python" - <<'EOF'
import numpy as np
import pyarrow as pa


def grid(*shape):
    return np.arange(np.prod(shape), dtype=np.int32).reshape(shape)


def verdict(array):
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(array)
    stored = tensors.storage.flatten().to_numpy().reshape(len(tensors), *tensors.type.shape)
    read = stored.transpose(0, *(axis + 1 for axis in tensors.type.permutation))  # as Arrow defines it
    if read.shape != array.shape:
        return f"shape {read.shape[1:]} for {array.shape[1:]}"
    return "the same" if np.array_equal(read, array) else "other values"


plain = grid(2, 3, 4)
wide = grid(2, 4, 5, 3).transpose(0, 3, 1, 2)
found = {
    "contiguous": verdict(plain),
    "two axes swapped": verdict(plain.transpose(0, 2, 1)),
    "columns turned": verdict(plain[:, :, ::-1]),
    "rows turned": verdict(plain[:, ::-1]),
    "channels first, 4x4": verdict(grid(2, 4, 4, 4).transpose(0, 3, 1, 2)),
    "channels first, 4x5": verdict(wide),
    "channels first, 4x5, copied": verdict(np.ascontiguousarray(wide)),
}
for name, text in found.items():
    print(f"{name}: {text}")
assert list(found.values()) == [
    "the same", "the same", "the same", "other values", "other values",
    "shape (5, 3, 4) for (3, 4, 5)", "the same",
]
EOF
