"""Widgets that show a state and say what the examiner wants, and nothing else.

Each view has `show_state(state)`, which emits no signal, and intent signals, which
change nothing by themselves.
"""
