"""The control over HTTP, for other processes: POST /_control/{method} with keyword arguments."""

from __future__ import annotations

import secrets
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
from aiohttp import web

from devstack.graph_service.answers import Answer, json_answer
from devstack.graph_service.certificates import write_private
from devstack.graph_service.control import GraphControl, UnknownObjectError

TOKEN_FILE = "control-token"  # noqa: S105 - a file name
TOKEN_HEADER = "X-Control-Token"  # noqa: S105 - a header name
REFUSED_ARGUMENTS = (TypeError, ValueError, KeyError, IndexError, LookupError, OSError)


class ControlCallError(Exception):
    """A control call that the service refused; the text says why."""


class ControlEndpoint:
    """Serves a control to callers that hold the token of the state folder."""

    def __init__(self, *, control: GraphControl, token: str) -> None:
        self._control = control
        self._token = token

    async def answer(self, name: str, request: web.BaseRequest) -> Answer:
        """Call the method of this name with the JSON body as keywords."""
        given = request.headers.get(TOKEN_HEADER, "")
        if not secrets.compare_digest(given.encode(), self._token.encode()):
            return json_answer(403, {"error": "control token missing or wrong"})
        method = None if name.startswith("_") else getattr(type(self._control), name, None)
        if request.method != "POST" or not callable(method):
            return json_answer(404, {"error": f"no control method '{name}'"})
        raw = await request.read()
        try:
            arguments = orjson.loads(raw) if raw else {}
            result = method(self._control, **arguments)
        except UnknownObjectError as error:
            return json_answer(404, {"error": f"unknown: {error}"})
        except REFUSED_ARGUMENTS as error:
            return json_answer(400, {"error": f"{type(error).__name__}: {error}"})
        return json_answer(200, {"result": result})


def control_token(folder: Path) -> str:
    """The token of a state folder, made on first use and readable by its owner only."""
    path = folder / TOKEN_FILE
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32).encode())
    return path.read_text().strip()


class ControlClient:
    """Calls the control of a service in another process: `await client.count(tenant=…)`.

    Method names and keywords are those of GraphControl; all arguments are keywords.
    """

    def __init__(self, *, root_url: str, state_dir: Path) -> None:
        self._root = root_url
        self._state_dir = state_dir
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(cafile=str(self._state_dir / "ca.pem"))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context),
            headers={TOKEN_HEADER: control_token(self._state_dir)},
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(self, method: str, **arguments: Any) -> Any:
        """Result of a control method, or ControlCallError."""
        if self._session is None:
            raise ControlCallError("the client is not open")
        url = f"{self._root}/_control/{method}"
        async with self._session.post(url, data=orjson.dumps(arguments)) as response:
            content = orjson.loads(await response.read())
        if response.status != 200:
            raise ControlCallError(f"{method}: {content.get('error')}")
        return content["result"]
