"""Case folders: the only importer of sqlite3."""
