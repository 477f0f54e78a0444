"""What belongs to this machine: the cache, temporary files, clocks, library versions, threads.

Nothing here decides a byte of a build. Imports `errors` and `layout` only; every other package may
import it.
"""
