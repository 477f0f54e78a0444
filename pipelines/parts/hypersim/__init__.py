"""Parts of the `hypersim` reader: cameras of the scenes, tables, segments, tone mapping."""
