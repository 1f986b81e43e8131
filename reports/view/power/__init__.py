"""Energy and power meters in tables."""
