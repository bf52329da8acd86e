"""Tables and lists behind the views: what a cell says, never how it looks."""
