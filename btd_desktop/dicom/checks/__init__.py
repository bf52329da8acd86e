"""Findings on what a series says and holds: one module a kind."""
