"""`python -m vbdata`: the command line."""

from vbdata.cli.app import app

app()
