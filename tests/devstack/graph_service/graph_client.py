"""A bare HTTPS client for tests of the local Graph; knows nothing of the product's client."""

import io
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
from yarl import URL

from devstack.graph_service import GraphService


@dataclass(frozen=True)
class Reply:
    """Status, headers and body of one answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json["error"]
        return found

    @property
    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.json["value"]
        return found


class GraphClient:
    """Paths are given with their version: `/beta/deviceManagement/intents`."""

    def __init__(self, service: GraphService, *, tenant: int = 0, app: str = "write") -> None:
        self.service = service
        self.tenant = tenant
        self.app = app

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(cafile=str(self.service.ca_file))
        connector = aiohttp.TCPConnector(ssl=context)
        self.session = aiohttp.ClientSession(connector=connector)
        self.renew_token()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.session.close()

    def renew_token(self) -> None:
        token = self.service.control.issue_token(self.tenant, self.app)
        self.headers = {"Authorization": f"Bearer {token}"}

    async def send(
        self, method: str, path: str, content: Any = None, headers: dict[str, str] | None = None
    ) -> Reply:
        address = path if path.startswith("https://") else self.service.root_url + path
        merged = {**self.headers, **(headers or {})}
        data = None
        if content is not None:
            data = io.BytesIO(orjson.dumps(content))
            merged["Content-Type"] = "application/json"
        url = URL(address, encoded=True)
        async with self.session.request(method, url, data=data, headers=merged) as response:
            body = await response.read()
            return Reply(response.status, dict(response.headers), body)

    async def get(self, path: str, headers: dict[str, str] | None = None) -> Reply:
        return await self.send("GET", path, headers=headers)

    async def pages(self, path: str, headers: dict[str, str] | None = None) -> list[list[Any]]:
        """Rows of every page, following next links verbatim."""
        found = []
        link: str | None = path
        while link is not None:
            reply = await self.get(link, headers)
            assert reply.status == 200, reply.body
            found.append(reply.rows)
            link = reply.json.get("@odata.nextLink")
        return found

    async def batch(self, *urls: str, version: str = "beta") -> dict[str, dict[str, Any]]:
        """GETs in one batch; answers by their position as text."""
        items = [{"id": str(i), "method": "GET", "url": url} for i, url in enumerate(urls)]
        return await self.send_batch(items, version=version)

    async def send_batch(
        self, items: list[dict[str, Any]], *, version: str = "beta"
    ) -> dict[str, dict[str, Any]]:
        reply = await self.send("POST", f"/{version}/$batch", {"requests": items})
        assert reply.status == 200, reply.body
        return {answer["id"]: answer for answer in reply.json["responses"]}
