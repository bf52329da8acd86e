"""Signed PDF reports and their verification."""
