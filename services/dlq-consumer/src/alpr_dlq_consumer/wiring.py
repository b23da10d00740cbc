"""Opens what the service and the commands share, as the environment says."""
