"""Where alerts go: one kind of receiver a file."""
