"""A rack of devices as one bench: orders go out over Dask ``distributed``, records come back."""
