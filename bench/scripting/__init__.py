"""The functions of ``import bench``: measure, read records, compare. The command line calls the same functions."""
