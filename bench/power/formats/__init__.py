"""One file a family of log formats. Each says whether a file is its own, and reads it."""
