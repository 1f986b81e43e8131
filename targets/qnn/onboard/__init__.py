"""The HTP of a board with Linux: which SoC it is, and what it needs of the system."""
