"""What a long repeat keeps of each minute as it ends."""
