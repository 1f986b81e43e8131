"""What quantisers implement, and what a model file was made from."""
