"""Pictures made into tensors by OpenVINO."""
