"""Parts of readers: a folder for what one dataset needs, a module for what several share.

`records` has the checks that every reader of untrusted annotations needs. Readers import from here;
nothing here imports a reader.
"""
