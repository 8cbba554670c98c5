"""Ground of every payload: frozen, additive, and deaf to fields of newer versions (D6)."""

from pydantic import BaseModel, ConfigDict


class Payload(BaseModel):
    """A value that crosses Temporal between our own processes.

    Fields are only ever added, with a default; unknown ones are ignored, so a worker of the last
    version reads what the next one wrote. `contracts/examples` holds one file a version.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


class OuterPayload(BaseModel):
    """A value that other people's programs send: unknown fields are refused by name (D13)."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
