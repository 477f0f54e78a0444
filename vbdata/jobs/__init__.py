"""Jobs: one shard's planned rows with everything that decides its bytes, and their digest.

The driver hands out compact descriptions of shards; a worker makes the whole job of one from the
entries that it reads itself. Left of it stands `planning`, right of it `shard`.
"""
