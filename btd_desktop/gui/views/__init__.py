"""Widgets that show a state and tell what the examiner wants.

What shows a state (`show_state` and its like) emits no signal; what tells an intent, a
signal, changes nothing by itself.
"""
