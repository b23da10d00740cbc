"""The agent: delivers what waits in the outbox, and tells what the node's cameras do."""
