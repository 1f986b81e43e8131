"""Figures along the axis of a scenario: what each metric is of the queries of one point alone."""
