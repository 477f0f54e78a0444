#!/usr/bin/env bash
# datasets 5.2.0: the "numpy" format turns float64 columns into float32, and map() stores that.
#
# Guess:  a column declared Value("float64") comes out of with_format("numpy") as float64: the schema
#         says so, and a single row does give float64.
# Seen:   a single row's number is float64, the same number in a batch or a list is float32. A batched
#         map() that returns its batch as it came leaves the schema at float64 and the numbers rounded
#         to float32: 300 time stamps of ten seconds of video become one. The "torch" format does so
#         too. with_format("numpy", dtype="float64") keeps the bits, and turns a batch's integers to
#         float64 as well.
# Matters: whoever keeps time stamps, poses in world coordinates or camera matrices beside pictures and
#         goes over them with map(); nothing is printed and the types look right afterwards.
#
# Output seen:
#     one row: float64; batch: float32; list: float32
#     before map: float64, 300 time stamps; after: float64, 1 time stamps, off by up to 61.0 s
#     with dtype="float64": 300 time stamps
set -euo pipefail
here=$(mktemp -d) && trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/python" -m pip install --quiet datasets==5.2.0 pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6
export HF_HOME="$here/cache" HF_DATASETS_DISABLE_PROGRESS_BARS=1
"$here/venv/bin/python" - <<'EOF'
from datasets import Dataset, Features, List, Value

start = 1764460851.0
times = [start + frame / 30 for frame in range(300)]
rows = Dataset.from_dict(
    {"time": times, "pose": [[time, 0.0] for time in times]},
    features=Features({"time": Value("float64"), "pose": List(Value("float64"))}),
)
seen = rows.with_format("numpy")
one, batch, listed = seen[0]["time"].dtype, seen[:2]["time"].dtype, seen[0]["pose"].dtype
print(f"one row: {one}; batch: {batch}; list: {listed}")
assert (one, batch, listed) == ("float64", "float32", "float32")

mapped = seen.map(lambda batch: batch, batched=True).with_format(None)
after = list(mapped["time"])
error = max(abs(a - b) for a, b in zip(times, after))
print(f"before map: {rows.features['time'].dtype}, {len(set(times))} time stamps; "
      f"after: {mapped.features['time'].dtype}, {len(set(after))} time stamps, off by up to {error:.1f} s")
assert mapped.features == rows.features and len(set(after)) == 1 and error > 1

kept = rows.with_format("numpy", dtype="float64").map(lambda batch: batch, batched=True).with_format(None)
print(f'with dtype="float64": {len(set(kept["time"]))} time stamps')
assert list(kept["time"]) == times
EOF
