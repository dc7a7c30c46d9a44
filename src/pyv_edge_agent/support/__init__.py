"""The support archive: what someone far away needs to help with a device, and no secret of it."""
