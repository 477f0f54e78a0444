"""One shard: a job in, a tar and its receipt out. Nothing here knows of other shards or of Ray.

The digest of the engine's code covers this package and `vbdata.core`. Left of it stands `jobs`,
right of it `run`, which calls it, and `manifest`, which reads its receipts.
"""
