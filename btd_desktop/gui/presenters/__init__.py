"""States of the window and what the examiner can do with them; no widgets here."""
