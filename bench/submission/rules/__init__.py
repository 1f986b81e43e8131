"""The rules of ``odb check``: what makes a submission's form and records fit to be reviewed."""
