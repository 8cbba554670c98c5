"""Payloads that cross Temporal or HTTP: the wire format."""
