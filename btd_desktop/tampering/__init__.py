"""What changes a volume at a place, on purpose: for the demo and for the bench."""
