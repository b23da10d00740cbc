"""What a central tier needs before its first event: Secrets, bucket, topics, schemas."""
