"""`vbdata eval`: painted answers decoded by each task's own decoder and scored against a build.

docs/metrics.md defines every number. Left of it stands `manifest`, right of it `train`.
"""
