"""Searches the settings of a target for the one that suits a model best, on this machine and within a budget."""
