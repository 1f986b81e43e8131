"""How figures of ``bench.analysis.metrics`` are computed from the samples of each process."""
