"""Ready pipelines: what is done around a network, stage by stage, with the code whose accuracy is judged."""
