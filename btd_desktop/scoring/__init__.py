"""Noise maps to features and scores; models are known by a protocol, without torch."""
