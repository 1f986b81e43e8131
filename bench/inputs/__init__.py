"""What a model is fed: the user's own arrays, photographs and prompts, and what is made up."""
