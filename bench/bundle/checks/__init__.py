"""What ``odb verify`` checks, a rule each; ``bench.bundle.rules`` lists them."""
