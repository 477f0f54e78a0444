#!/usr/bin/env bash
# zarr 3.1.6, h5py 3.16.0: the same assignment to a uint16 array wraps in one and is cut off in the other.
#
# Guess:  storing wider numbers in a uint16 data set either raises or does in both what NumPy does.
# Seen:   zarr wraps as NumPy does: 70,000 mm are stored as 4,464 and -1 as 65,535. h5py hands the
#         conversion to HDF5, which cuts off: 65,535 and 0. No warning from either for whole numbers.
#         NumPy itself refuses 70,000 as a Python number, and takes it in an array.
# Matters: whoever writes depth in millimetres: beyond 65.5 m it is the largest value in the one file
#         and a near wall in the other, and a missing value of -1 is the farthest point or 0.
#
# Output seen:
#     given: [1000, 70000, -1]
#     numpy: [1000, 4464, 65535]
#     zarr: [1000, 4464, 65535]
#     h5py: [1000, 65535, 0]
set -euo pipefail
here=$(mktemp -d) && trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/python" -m pip install --quiet zarr==3.1.6 h5py==3.16.0 numpy==2.4.6
cd "$here" && venv/bin/python -W error - <<'EOF'
import h5py
import numpy as np
import zarr

given = np.array([1_000, 70_000, -1])
plain = np.zeros(3, np.uint16)
plain[:] = given
chunked = zarr.create_array(store="depth.zarr", shape=(3,), chunks=(3,), dtype="uint16")
chunked[:] = given
with h5py.File("depth.h5", "w") as file:
    file.create_dataset("depth", (3,), "uint16")[:] = given
with h5py.File("depth.h5") as file:
    found = {
        "numpy": plain.tolist(),
        "zarr": zarr.open_array("depth.zarr", mode="r")[:].tolist(),
        "h5py": file["depth"][:].tolist(),
    }
print(f"given: {given.tolist()}")
for name, values in found.items():
    print(f"{name}: {values}")
assert found["numpy"] == found["zarr"] == [1000, 4464, 65535]
assert found["h5py"] == [1000, 65535, 0]
try:
    plain[0] = 70_000
except OverflowError:
    pass
else:
    raise AssertionError("NumPy took 70000")
EOF
