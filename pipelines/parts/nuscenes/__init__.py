"""Parts of the reader `nuscenes`: its tables, poses, and which scenes are in which split."""
