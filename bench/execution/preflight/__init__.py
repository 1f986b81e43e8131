"""What can be said of a model on chips that are not here: carried out."""
