"""What a dossier is made of, and how far a submission is shown to hold."""
