"""Many devices in one process, on the real agent's core, over real MQTT connections of their own."""
