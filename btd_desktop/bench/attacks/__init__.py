"""Ways to tamper with a series on purpose, so that detection can be measured."""
