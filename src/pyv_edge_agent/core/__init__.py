"""What the device decides: one brain without clock, socket or file, on the real agent and in the simulator alike."""
