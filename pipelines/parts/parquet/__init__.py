"""Parts of the `parquet` reader: options and presets, rows, cells as files, edits of one frame."""
