"""HTTP: one file a noun; each route states who may call it (PROTOCOL 9)."""
