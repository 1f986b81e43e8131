"""What of a record may be shown."""
