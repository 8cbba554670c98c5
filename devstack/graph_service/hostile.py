"""Answers that carry secrets where a careless client would log or store them."""

from __future__ import annotations

from collections.abc import Sequence

from devstack.graph_service.answers import Answer, Trace, json_answer


def hostile_answer(status: int, code: str, secrets: Sequence[str], trace: Trace) -> Answer:
    """An error whose message, inner error, echo and headers hold every secret given."""
    joined = " | ".join(secrets)
    content = {
        "error": {
            "code": code or "InternalServerError",
            "message": f"Request failed. Context: {joined}",
            "innerError": {**trace.inner(), "debug": list(secrets)},
            "details": [{"code": "Echo", "message": value} for value in secrets],
        },
        "request": {"headers": {"Authorization": secrets[0] if secrets else ""}},
    }
    headers = {
        "x-ms-diagnostics": joined.replace("\r", " ").replace("\n", " "),
        "Set-Cookie": f"esctx={secrets[0] if secrets else ''}; path=/; secure; HttpOnly",
    }
    return json_answer(status, content, headers)
