"""`vbdata bench`: benchmarks built whole, scored as their official code does, handed over.

What each benchmark is stands in known/NAME.yaml, its recipe in manifests/benchmarks/NAME.yaml; here
is no name of any. Left of it stand `engine` and `train`, right of it `locks` and `cli`.
"""
