"""Figures that follow from energy: of tokens, energy times delay, and how long a battery lasts."""
