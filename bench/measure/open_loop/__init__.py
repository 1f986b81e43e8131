"""Open loops: queries that are due at given moments, however late the answers to earlier ones are."""
