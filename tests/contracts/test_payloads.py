"""Payloads stay readable: every committed example of every version parses, schemas are current."""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from contracts import admission, operations, progress, runs
from contracts.operations import OperationRequest
from contracts.payload import OuterPayload, Payload
from contracts.schemas import PUBLISHED, schema_path, schema_text

EXAMPLES = Path(__file__).parent / "examples"
MODELS = {
    model.__name__: model
    for module in (admission, operations, progress, runs)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, Payload | OuterPayload)
}
del MODELS["Payload"]
MODELS.pop("OuterPayload", None)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/*.json")), ids=lambda p: p.stem)
def test_example_of_every_version_parses(path: Path) -> None:
    model = MODELS[path.stem]
    parsed = model.model_validate_json(path.read_text())
    written = json.loads(path.read_text())
    assert parsed.model_dump(mode="json", include=set(written)) == written


def test_every_payload_has_an_example_of_the_first_version() -> None:
    assert {path.stem for path in (EXAMPLES / "v1").glob("*.json")} == set(MODELS)


@pytest.mark.parametrize("model", PUBLISHED, ids=lambda m: m.__name__)
def test_published_schema_equals_its_model(model: type[BaseModel]) -> None:
    assert schema_path(model).read_text() == schema_text(model)


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda m: m.__name__)
def test_payload_is_frozen(model: type[BaseModel]) -> None:
    assert model.model_config["frozen"] is True


def test_request_with_a_user_id_is_refused_by_name() -> None:
    body = json.loads((EXAMPLES / "v1" / "OperationRequest.json").read_text())
    with pytest.raises(ValidationError, match="user_id"):
        OperationRequest.model_validate({**body, "user_id": "somebody"})


def test_inner_payload_of_a_newer_version_parses() -> None:
    body = json.loads((EXAMPLES / "v1" / "OwnedRun.json").read_text())
    assert runs.OwnedRun.model_validate({**body, "added_later": 1}) == runs.OwnedRun(**body)
