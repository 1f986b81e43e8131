"""Detection heads: how the outputs of published detectors become boxes."""
