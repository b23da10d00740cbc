"""The pipeline process: cameras in, durable events out."""
