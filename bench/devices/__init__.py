"""Devices that are reached over a cable or a network, where this project itself does not run."""
