"""kitti."""
