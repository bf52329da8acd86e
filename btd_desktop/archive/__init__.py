"""An archive of series, examined unattended: one row each, in an index."""
