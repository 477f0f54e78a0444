"""The manifest of a build, written and read in one place: manifest.json and its rows in Parquet.

A finished build is opened here, too, for every command that reads one. Left of it stands `run`,
right of it `publish`, `checks`, `export` and `evaluation`.
"""
