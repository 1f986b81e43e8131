"""What a gate found, for a CI system: JUnit XML, a Markdown summary and annotations."""
