"""What the controller remembers: one schema for SQLite and PostgreSQL, one file a noun."""
