"""Runs in the formats that CI systems and dashboards read. They have no place for a reason, so they get the runs alone
whose figures may be used: measured on a device, and valid."""
