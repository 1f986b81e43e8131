"""Dossiers as documents of an office program."""
