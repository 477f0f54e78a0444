"""What the reader `folders` is made of: patterns, options, and the files of each kind of label."""
