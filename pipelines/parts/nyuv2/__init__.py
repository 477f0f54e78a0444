"""Parts of the `nyuv2` reader: the official .mat file, label maps, class names, splits."""
