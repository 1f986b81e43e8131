"""The untimed passes. Run in a worker."""
