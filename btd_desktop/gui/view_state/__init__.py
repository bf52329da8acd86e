"""What the image views show, as frozen values without Qt.

Presenters build these, views paint them; neither has to know the other.
"""
