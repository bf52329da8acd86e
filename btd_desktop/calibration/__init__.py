"""Scores to calibrated error rates."""
