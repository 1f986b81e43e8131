"""NNCF, which quantises models for OpenVINO."""
