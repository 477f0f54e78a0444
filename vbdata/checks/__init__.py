"""`vbdata verify`: a finished build compared with its own sums, counts, rows and pixels.

Everything is computed again from the files of the output folder; no raw data is needed. Left of it
stands `manifest`.
"""
