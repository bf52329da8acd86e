"""Modality values to what the network expects."""
