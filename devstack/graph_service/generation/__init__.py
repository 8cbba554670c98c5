"""Deterministic tenant content: the same seed, tenant, type and index give the same object."""

from devstack.graph_service.generation.world import World

__all__ = ["World"]
