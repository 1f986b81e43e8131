"""Commands about devices on which this project itself does not run."""
