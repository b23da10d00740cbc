"""The edge agent: pipeline (vision) and agent (assignment, delivery)."""
