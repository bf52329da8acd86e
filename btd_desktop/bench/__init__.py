"""Measuring stick: known attacks on known scans, and how well they are noticed."""
