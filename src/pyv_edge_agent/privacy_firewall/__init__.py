"""The privacy firewall: what a reading may say before it reaches queue, log or report."""
