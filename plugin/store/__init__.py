"""The database: its tables, its questions and its migrations."""
