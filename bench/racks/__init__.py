"""What the devices of a rack measured, as one matrix: model × device, and what is missing from it and why."""
