"""Tables and lists behind the views."""
