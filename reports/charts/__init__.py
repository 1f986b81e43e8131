"""Drawings, down to lines of SVG."""
