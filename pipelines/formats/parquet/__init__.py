"""Parquet files of images: texts by row groups, binary values by the page that they are in."""
