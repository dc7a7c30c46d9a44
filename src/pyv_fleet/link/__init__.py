"""What carries messages to and from devices: MQTT, and polling of /health."""
