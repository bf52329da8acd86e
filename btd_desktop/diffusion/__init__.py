"""Noise schedule, networks, the reverse step and training: the home of torch."""
