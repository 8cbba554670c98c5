"""Tokens of a person who signed in: what was asked for, what was granted.

Owns the delegated side of `graph.tokens`: the same interface for a client, with the scopes of a
person in place of an app's roles.
"""

from collections.abc import Sequence

from graph.clouds import GraphEndpoint
from graph.device_sign_in import DeviceSignIn
from graph.retry import Pacing
from graph.tokens import TokenSource


class DelegatedTokens(TokenSource):
    """Tokens for the named permissions of Graph, and for nothing else.

    A delegated permission lets the app do what the person may do; whoever lacks the role in Intune
    or Entra gets a 403 although the permission is there.
    """

    def __init__(
        self,
        sign_in: DeviceSignIn,
        endpoint: GraphEndpoint,
        permissions: Sequence[str],
        *,
        pacing: Pacing | None = None,
    ) -> None:
        super().__init__(lambda: sign_in, delegated_scope(endpoint, permissions), pacing=pacing)
        self._permissions = tuple(permissions)

    async def roles(self) -> tuple[str, ...]:
        """Return those permissions that were asked for and granted.

        An earlier consent to the same app may have put more into the token, rights to write among
        them; they are not used.
        """
        granted = {name.lower() for name in await super().roles()}
        return tuple(name for name in self._permissions if name.lower() in granted)


def delegated_scope(endpoint: GraphEndpoint, permissions: Sequence[str]) -> str:
    """Return the scope of a token request: each permission at this cloud's Graph."""
    return " ".join(f"{endpoint.graph_root}/{name}" for name in permissions)
