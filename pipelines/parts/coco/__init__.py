"""Parts of the `coco` reader, some used by other readers of COCO's pictures: annotation files, the
official release, panoptic PNGs.
"""
