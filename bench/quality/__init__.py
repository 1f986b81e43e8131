"""A dataset's samples, labels and scores. Runs in a worker."""
