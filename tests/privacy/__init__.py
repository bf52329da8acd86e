"""What must not leave the case: logs, temporary files, reports, the network."""
