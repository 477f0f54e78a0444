"""Parts of the `captioned` reader: one pair's record; pairs in files; pairs in Parquet, by page."""
