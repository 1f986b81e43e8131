"""Language models as they are published: GGUF files and Hugging Face folders, read without torch."""
