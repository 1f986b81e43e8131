"""The parent: carries out a plan, and puts records together."""
