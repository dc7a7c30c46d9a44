"""What the device remembers: files that are whole or not there at all. Only the updater and main come in here."""
