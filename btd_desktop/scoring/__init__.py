"""Noise maps to features and scores: numpy only, knows models by protocol."""
