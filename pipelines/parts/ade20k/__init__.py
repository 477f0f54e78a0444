"""Parts of the `ade20k` reader: the classes of the benchmark, and the files of the full set."""
