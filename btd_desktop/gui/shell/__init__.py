"""The main window: actions, docks and what holds the parts together."""
