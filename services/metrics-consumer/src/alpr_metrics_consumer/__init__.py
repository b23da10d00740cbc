"""Figures of the hosts, out of Kafka, for Prometheus."""
