"""What all export formats share: the run, one shard's files, the folder, its README, sizes, TOML.

Formats import from here; only `run` looks a format up, by its name.
"""
