"""`vbdata verify`: a finished build against its own sums, counts, rows and pixels.

Everything is recomputed from the files of the output folder; raw data is not needed. Left of it
stands `manifest`.
"""
