"""Which settings of a target suit a model best: the space of them, how it is searched, and what was found. Pure."""
