"""The page: one plain, live view of the fleet that only reads; each part names the command that does the same."""
