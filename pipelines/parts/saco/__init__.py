"""Parts of the reader `saco`: pairs of image and phrase, joined over three annotators."""
