"""Mask-conditioned diffusion in-painting, of pixels or of latents."""
