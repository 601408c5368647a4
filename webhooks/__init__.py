"""The HTTP edge: hears what the forum and people tell us, and decides nothing."""
