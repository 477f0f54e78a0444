"""Locks and diffs: a small file that states a build to the byte, and what differs from it.

A build can be held against a lock before its first pixel and after its last. Left of it stands
`engine`, right of it `terminal`.
"""
