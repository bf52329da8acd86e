"""CT-GAN's way (Mirsky 2019): a 32 mm cube redrawn by a learned generator."""
