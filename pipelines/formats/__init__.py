"""File formats of raw datasets, read defensively: damaged or hostile bytes are refused by name.

RLE masks, HDF5, .npy, pickles of plain data, tars of samples, large JSON files. A module here knows
its format, not the datasets that use it.
"""
