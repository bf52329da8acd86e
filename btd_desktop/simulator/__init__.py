"""Simulated scans, so that demo and tests need no patient."""
