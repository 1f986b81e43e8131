"""External power meters: what their logs hold, and whether it can be trusted. Nothing here measures."""
