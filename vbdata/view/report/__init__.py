"""The report: a finished build as one HTML page without scripts, server or network."""
