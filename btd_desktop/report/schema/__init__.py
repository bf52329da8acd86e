"""The form of a report's twin as types, and its JSON Schema."""
