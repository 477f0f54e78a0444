"""The plan: which sample stands in which slot of which shard, from the facts of the indices alone.

Columns in, columns out: the mixture's exact counts, the order, the leak guard, and the plan as a
Parquet file. Left of it stands `index`, right of it `jobs`.
"""
