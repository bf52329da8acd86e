"""Use cases: the one door for CLI, GUI and bench."""
