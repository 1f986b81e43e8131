"""The commands of a rack of devices."""
