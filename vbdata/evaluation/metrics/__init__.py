"""Metrics by kind of label, as meters: a meter takes one image at a time, and two merge into one.

They see labels and arrays only: no build, no file, no task.
"""
