"""What of a form is measured: the suite that it asks for, and what of that is left."""
