"""The timed repeat. Runs in a worker."""
