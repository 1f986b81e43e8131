"""Writers of a submission's dossier, and the contents that they share."""
