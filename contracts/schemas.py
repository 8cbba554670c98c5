"""JSON Schemas of what other people's programs send and receive, written to `docs/schemas`.

`python -m contracts.schemas` renews the files; a test fails when they differ from the models.
"""

import json
from pathlib import Path

from pydantic import BaseModel

from contracts.operations import OperationDecision, OperationRequest
from contracts.runs import OperationResult, OperationRunRequest

SCHEMA_DIRECTORY = Path(__file__).parent.parent / "docs" / "schemas"
PUBLISHED: tuple[type[BaseModel], ...] = (
    OperationRequest,
    OperationDecision,
    OperationRunRequest,
    OperationResult,
)


def schema_text(model: type[BaseModel]) -> str:
    """Return the model's JSON Schema as the file holds it."""
    return json.dumps(model.model_json_schema(), indent=2, sort_keys=True) + "\n"


def schema_path(model: type[BaseModel]) -> Path:
    """Return the file of the model's schema."""
    return SCHEMA_DIRECTORY / f"{model.__name__}.json"


if __name__ == "__main__":
    for published in PUBLISHED:
        schema_path(published).write_text(schema_text(published))
