"""What the controller decides: pure functions and state machines, no clock, no socket, no file."""
