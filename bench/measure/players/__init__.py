"""How each scenario is played: one file a scenario, and the table of them."""
