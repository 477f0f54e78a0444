"""Miniature datasets in the official layouts, drawn by a ray caster: nothing to download.

One module for each dataset, named like it: `write(folder, ...)` lays the files out, `truth(...)`
yields the frames that they were made of. Shared: solids.py, patterns.py (shapes and paint),
world.py (scenes, cameras), hits.py, shading.py, caster.py (rays to a Frame), things.py, scene.py
and places.py (what stands where).
"""
