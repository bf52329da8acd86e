"""The self-test of an installation, `btd doctor --selftest`."""
