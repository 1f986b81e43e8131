"""What the user asked, and the plan made of it."""
