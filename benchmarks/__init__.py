"""Measurements: `python -m benchmarks.NAME --help`; `compare` has vbdata beside other builders.

The package is no part of an installation; run it from a checkout.
"""
