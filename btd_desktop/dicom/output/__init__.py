"""Results as DICOM objects, for the archive that the scan came from.

Everything is written from numbers of ours and from header texts that the parsing
process gave; no received byte is parsed here.
"""
