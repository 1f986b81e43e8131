"""What every writer of runs shows: rows, tables, sentences."""
