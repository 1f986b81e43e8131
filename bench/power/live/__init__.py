"""Meters that are read while a run is measured. What they read is written as a log, and joined as any other."""
