"""The bench: known attacks on known scans, and how well they are detected."""
