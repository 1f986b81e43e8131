"""Are the outputs right: two sets of arrays, or of tokens, compared."""
