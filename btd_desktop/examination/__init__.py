"""What a case holds, read in one way for window, command line and report."""
