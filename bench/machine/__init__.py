"""Reads this machine: its state, its clocks, its sensors."""
