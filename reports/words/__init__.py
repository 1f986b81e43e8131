"""Numbers, states and plans in words."""
