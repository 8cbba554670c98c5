"""Answers that carry secrets where a careless client would log or store them."""

from __future__ import annotations

import json
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


def hostile_token_answer(status: int, code: str, secrets: Sequence[str]) -> Answer:
    """A refusal of the token endpoint that holds every secret given; `code` is its AADSTS number.

    Without a code it is one that asks for patience.
    """
    joined = " | ".join(secrets)
    number = int(code) if code.isdigit() else 90033
    content = {
        "error": "temporarily_unavailable" if number == 90033 else "invalid_client",
        "error_description": f"AADSTS{number}: {joined} Trace ID: {joined}",
        "error_codes": [number],
        "trace_id": joined,
        "correlation_id": joined,
        "claims": json.dumps({"echo": list(secrets)}),
    }
    headers = {"x-ms-ests-server": joined.replace("\r", " ").replace("\n", " ")}
    return json_answer(status, content, headers)
