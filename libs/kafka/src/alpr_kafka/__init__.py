"""Kafka as all consumers and producers of OVR-ALPR use it."""
