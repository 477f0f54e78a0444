"""Readers' layouts recognised in a folder of unknown data, for `vbdata init`.

One module for each reader, named like it: `recognised(glimpse)` yields what it could read, a source
each, by names and first bytes alone; `RANK` says who looks first: OFFICIAL layouts, then NAMED
tables and annotation files, then PAIRS of pictures and texts, then FOLDERS of anything. Who looks
later does not see what others found. Readers know nothing of these modules.
"""
