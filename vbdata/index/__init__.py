"""The index of a source: every record's pointers and facts, listed once, no image opened.

A reader's entries become two files, a table of facts for planning and a file of whole entries for
workers, both kept in the machine's cache. Left of it stands `recipe`, right of it `planning`.
"""
