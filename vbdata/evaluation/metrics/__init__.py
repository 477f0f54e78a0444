"""Metrics by kind of label, as meters: they take one image at a time, and two merge into one.

They see arrays only: no build, no file, no task.
"""
