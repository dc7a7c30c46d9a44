"""The sections of the config, a file each: keys with type, default and range, and what must hold between them."""
