"""Miniature datasets in the official layouts, drawn by a ray caster: nothing to download.

One module for each dataset, named like it: `write(folder, ...)` lays the files out, `truth(...)`
yields the exact frames that they were made of. Shared: solids.py (what a ray hits), patterns.py
(how it is painted), world.py (scenes and cameras), hits.py and shading.py (what rays meet, and the
light that comes back), caster.py (rays to a Frame), things.py, scene.py and places.py (what stands
where).
"""
