"""The contract: events on the wire and resources in YAML."""
