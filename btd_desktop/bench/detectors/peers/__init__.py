"""The detectors that the paper compares itself with, and patches in, one number out."""
