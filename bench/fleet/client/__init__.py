"""The side of a rack that asks: what to measure where, and who carries it out."""
