"""The runner on Ray: a pool of actors that pull one shard at a time.

Nothing but this package and `vbdata.train.ray` imports ray.
"""
