"""A finished build for the eye: contact sheets, statements of its counts, the HTML report.

It reads samples by range and writes nothing into the build. Left of it stands `terminal`, right of
it `cli`.
"""
