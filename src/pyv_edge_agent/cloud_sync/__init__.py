"""The outbound queue: readings and events wait on disk until the cloud has taken them."""
