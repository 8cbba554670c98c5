"""Live progress in heartbeats: counts and type keys only (D11)."""

from contracts.payload import Payload


class Progress(Payload):
    """What an activity is doing right now, for the Temporal UI."""

    # Resource type being read, or null between types.
    resource_type: str | None = None
    types_done: int = 0
    types_total: int = 0
    objects: int = 0
