"""Performance beside its baselines (`make bench`). Never part of `make test`: shared machines are noisy."""
