"""The manifest of a build, manifest.json and its rows in Parquet: written and read in one place.

Every command that reads a finished build opens it here (vbdata.manifest.opened). Left of it stands
`run`, right of it `publish`, `checks`, `export` and `evaluation`.
"""
