"""The commands of a submission, and what they share."""
