"""Whether tonight's records are worse than the base, by a rule whose false-alarm rate is known and stated."""
