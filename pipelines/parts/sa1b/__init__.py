"""Parts of the `sa1b` reader: photographs with their JSON, and its masks."""
