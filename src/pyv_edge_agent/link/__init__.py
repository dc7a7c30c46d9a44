"""What carries orders in and reports out. Nothing is decided here."""
