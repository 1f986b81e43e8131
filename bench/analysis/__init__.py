"""A record's figures and its verdict, computed from its samples."""
