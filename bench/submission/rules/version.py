"""The version of the rule set that this program has; a submission states the one that it was written for."""

RULES_VERSION = 1
