"""Parts of the `vkitti2` reader: frames, their tables, depth maps, segments."""
