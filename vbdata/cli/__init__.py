"""The `vbdata` command: arguments in, exit code out. Nothing imports this package.

Each command imports what it needs when it runs, so that `--help` loads nothing heavy.
"""
