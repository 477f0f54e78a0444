"""Parts of the readers `kitti` and `kitti_semantic`: which drives are in which split."""
