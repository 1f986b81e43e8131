"""The sections of a dossier, one module each."""
