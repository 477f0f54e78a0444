"""The same inputs built several ways in one run: `python -m benchmarks.compare`."""
