#!/usr/bin/env bash
# DuckDB 2.0.1: "where isnan(x)" over a Parquet file of pyarrow's or Polars' finds no row.
#
# Guess:  a query says the same of a Parquet file as of the table that was written to it.
# Seen:   Parquet leaves NaN out of a column's minimum and maximum. DuckDB takes NaN as the largest
#         number, yet trusts these bounds: isnan(depth) finds no NaN in the file, depth > 2 and
#         not depth <= 2 find them only where another value of the row group is above 2 too.
#         can_have_nan=true puts it right; it is off by default, for speed. DuckDB's own files have
#         no such bounds where a NaN is; Polars finds the rows in all of them.
# Matters: checks that count broken labels in a data set's Parquet shards report zero.
#
# Output seen:
#     the table in memory: isnan 2, above 2: 2, not at most 2: 2
#     written by pyarrow: isnan 0, above 2: 0, not at most 2: 0
#     written by Polars: isnan 0, above 2: 0, not at most 2: 0
#     written by DuckDB: isnan 2, above 2: 2, not at most 2: 2
#     pyarrow, with a 9 among them: isnan 0, above 2: 3, not at most 2: 3
#     pyarrow, can_have_nan=true: isnan 2, above 2: 2, not at most 2: 2
#     Polars of pyarrow's file: 2 above 2
set -euo pipefail
here=$(mktemp -d) && trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/python" -m pip install --quiet duckdb==2.0.1 pyarrow==26.0.1 polars==2.1.0 numpy==2.4.6
cd "$here" && venv/bin/python - <<'EOF'
import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq

nan = float("nan")
labels = pa.table({"depth": [1.0, nan, 1.5, nan]})
pq.write_table(labels, "pyarrow.parquet")
pq.write_table(pa.table({"depth": [1.0, nan, 9.0, nan]}), "larger.parquet")
polars.from_arrow(labels).write_parquet("polars.parquet")
duckdb.sql("copy (from labels) to 'duckdb.parquet'")


def counts(source):
    conditions = ("isnan(depth)", "depth > 2", "not depth <= 2")
    return [duckdb.sql(f"select count(*) from {source} where {c}").fetchall()[0][0] for c in conditions]


for name, source, expected in (
    ("the table in memory", "labels", [2, 2, 2]),
    ("written by pyarrow", "'pyarrow.parquet'", [0, 0, 0]),
    ("written by Polars", "'polars.parquet'", [0, 0, 0]),
    ("written by DuckDB", "'duckdb.parquet'", [2, 2, 2]),
    ("pyarrow, with a 9 among them", "'larger.parquet'", [0, 3, 3]),
    ("pyarrow, can_have_nan=true", "read_parquet('pyarrow.parquet', can_have_nan=true)", [2, 2, 2]),
):
    isnan, above, not_below = counts(source)
    print(f"{name}: isnan {isnan}, above 2: {above}, not at most 2: {not_below}")
    assert [isnan, above, not_below] == expected

found = polars.scan_parquet("pyarrow.parquet").filter(polars.col("depth") > 2).collect().height
print(f"Polars of pyarrow's file: {found} above 2")
assert found == 2
EOF
