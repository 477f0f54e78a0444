"""Locks and diffs: a small file that states the bytes of a build, and what differs from it.

A build is compared with a lock twice: its inputs before any image is read, its shards and rows when
they are finished. Left of it stands `engine`, right of it `terminal`.
"""
