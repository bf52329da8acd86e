"""Scans from an archive on the network, and results back to it.

The one part of the program that opens connections (decision 45); it needs the extra
`archive`.
"""
