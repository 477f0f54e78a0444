"""Whole builds: the stages joined from a recipe to a finished folder, resumed after any crash.

Also the folder between runs, what an earlier build can lend, and `vbdata doctor`. Left of it stand
all stages; right of it the locks and the terminal.
"""
