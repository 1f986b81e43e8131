"""How good the answers are: a labelled dataset in, metrics with their certainty out."""
