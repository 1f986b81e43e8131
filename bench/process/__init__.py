"""One worker: how it is started, watched and ended."""
