"""A Graph that answers by script, over HTTPS: each path has a list of answers, the last stays.

It issues tokens, runs batches by answering their items from the same script, and remembers what it
was asked. What Graph really does is the local Graph's affair; this plays single answers exactly.
"""

import asyncio
import base64
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from aiohttp import web

from tests.graph.certificates import ServerTrust

Batch = Callable[[dict[str, object]], object]


@dataclass
class Reply:
    """One answer. `body` is sent as JSON unless it is bytes. `reset` cuts the connection."""

    body: object = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False


@dataclass
class Seen:
    """One request as it came: path with raw query, headers, and the connection it came on.

    at: the event loop's time in seconds.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: object
    connection: int
    at: float


def page(*items: object, next_link: str | None = None) -> Reply:
    """Return a page of a collection."""
    body: dict[str, object] = {"value": list(items)}
    if next_link is not None:
        body["@odata.nextLink"] = next_link
    return Reply(body)


def fault(status: int, code: str, message: str = "", **headers: str) -> Reply:
    """Return an error in Graph's envelope; `retry_after="1"` becomes a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply({"error": {"code": code, "message": message}}, status, named)


def jwt(roles: list[str], serial: int = 0) -> str:
    """Return an unsigned token with these roles."""
    return encoded({"roles": roles, "serial": serial})


def encoded(claims: dict[str, object]) -> str:
    """Return an unsigned token with these claims."""
    parts = ({"alg": "none"}, claims, "signature")
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts
    )


class ScriptedGraph:
    """The running server; `root` is both authority and Graph root."""

    def __init__(self) -> None:
        self.root = ""
        self.script: dict[str, list[Reply]] = {}
        self.token_script: list[Reply] = []
        self.seen: list[Seen] = []
        self.token_requests: list[dict[str, str]] = []
        self.batches: list[list[str]] = []
        self.batch_answer: Batch | None = None
        self.roles: list[str] = []
        self.token_lifetime = 3600
        self.delay = 0.0
        self.gate = asyncio.Event()
        self.gate.set()
        self._counts: defaultdict[str, int] = defaultdict(int)

    def on(self, path: str, *replies: Reply) -> None:
        """Answer a path (with its query, as sent) with these replies in turn."""
        self.script[path] = list(replies)
        self._counts.pop(path, None)

    def stall(self, seconds: float) -> None:
        """Take requests in and answer none of them before so many seconds have passed."""
        self.gate.clear()
        asyncio.get_running_loop().call_later(seconds, self.gate.set)

    def link(self, path: str) -> str:
        """Return an absolute link to this server."""
        return self.root + path

    def paths(self) -> list[str]:
        """Return the paths of all requests to Graph, in order."""
        return [seen.path for seen in self.seen]

    def reply_to(self, path: str) -> Reply:
        """Return the next answer of a path."""
        replies = self.script.get(path)
        if not replies:
            return fault(404, "Request_ResourceNotFound", "unscripted path")
        place = min(self._counts[path], len(replies) - 1)
        self._counts[path] += 1
        return replies[place]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path.endswith("/oauth2/v2.0/token"):
            return await self._token(request)
        raw = await request.read()
        body = json.loads(raw) if "json" in request.content_type else raw.decode()
        self.seen.append(
            Seen(
                request.method,
                request.raw_path,
                dict(request.headers),
                body,
                id(request.transport),
                asyncio.get_running_loop().time(),
            )
        )
        await self.gate.wait()
        await asyncio.sleep(self.delay)
        if request.raw_path.endswith("/$batch") and request.raw_path not in self.script:
            return _response(self._batch(request.raw_path, body))
        return self._send(request, self.reply_to(request.raw_path))

    def _batch(self, path: str, body: object) -> Reply:
        assert isinstance(body, dict)
        self.batches.append([item["url"] for item in body["requests"]])
        if self.batch_answer is not None:
            return Reply(self.batch_answer(body))
        version = path.removesuffix("/$batch")
        return Reply({"responses": [self.item(version, item) for item in body["requests"]]})

    def item(self, version: str, request: dict[str, str]) -> dict[str, object]:
        """Return the answer to one batch item."""
        reply = self.reply_to(version + request["url"])
        return {
            "id": request["id"],
            "status": reply.status,
            "headers": {"Content-Type": "application/json", **reply.headers},
            "body": reply.body,
        }

    def _send(self, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        if reply.reset:
            assert request.transport is not None
            request.transport.abort()
        return _response(reply)

    async def _token(self, request: web.BaseRequest) -> web.StreamResponse:
        form = parse_qs((await request.read()).decode())
        self.token_requests.append({name: values[0] for name, values in form.items()})
        if self.token_script:
            reply = self.token_script.pop(0)
            if reply.status != 200:
                return _response(reply)
        token = jwt(self.roles, len(self.token_requests))
        answer = {
            "token_type": "Bearer",
            "expires_in": self.token_lifetime,
            "access_token": token,
        }
        if "device_code" in form:
            answer |= _person(form["client_id"][0])
        return web.json_response(answer)


def _person(app_id: str) -> dict[str, object]:
    """Return what a sign-in of a person adds: who it was."""
    tenant = "11111111-1111-4111-8111-111111111111"
    claims = {
        "aud": app_id,
        "iss": f"https://login.example/{tenant}/v2.0",
        "sub": "s",
        "oid": "o",
        "tid": tenant,
        "preferred_username": "p",
        "iat": int(time.time()),
        "exp": int(time.time()) + 3600,
    }
    info = base64.urlsafe_b64encode(json.dumps({"uid": "o", "utid": tenant}).encode()).decode()
    return {"id_token": encoded(claims), "client_info": info.rstrip("="), "refresh_token": "r"}


def _response(reply: Reply) -> web.StreamResponse:
    if isinstance(reply.body, bytes):
        headers = {"Content-Type": "application/json", **reply.headers}
        return web.Response(body=reply.body, status=reply.status, headers=headers)
    return web.json_response(reply.body, status=reply.status, headers=reply.headers)


@asynccontextmanager
async def serving(trust: ServerTrust) -> AsyncIterator[ScriptedGraph]:
    """Run a scripted Graph on a free port of the loopback."""
    graph = ScriptedGraph()
    server = web.Server(graph.handle)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=trust.context)
    await site.start()
    port = runner.addresses[0][1]
    graph.root = f"https://127.0.0.1:{port}"
    try:
        yield graph
    finally:
        await runner.cleanup()
