import base64
from pathlib import Path

import pytest

from services.contents.root_keys import (
    EncryptionKeyUnavailableError,
    LocalRootKey,
    generate_root_key,
    read_root_key,
)

TEXT = base64.b64encode(b"k" * 32).decode()


async def test_root_key_unwraps_what_it_wrapped() -> None:
    key = read_root_key(generate_root_key(), None)
    assert await key.unwrap(await key.wrap(b"data key", b"here"), b"here") == b"data key"


async def test_root_key_is_bound_to_its_context() -> None:
    key = LocalRootKey(b"k" * 32)
    wrapped = await key.wrap(b"data key", b"here")
    with pytest.raises(EncryptionKeyUnavailableError):
        await key.unwrap(wrapped, b"there")


def test_root_key_of_a_file_is_that_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{TEXT}\n")
    from_file = read_root_key(None, tmp_path / "key")
    assert from_file.key_id == read_root_key(TEXT, None).key_id
    assert len(from_file.key_id) == 16


@pytest.mark.parametrize(
    ("key", "file", "message"),
    [
        pytest.param(None, None, "set TENANTOPS_ROOT_KEY or", id="nothing set"),
        pytest.param(TEXT, "key", "one of them", id="both set"),
        pytest.param("not base64!", None, "TENANTOPS_ROOT_KEY does not hold", id="no base64"),
        pytest.param("c2hvcnQ=", None, "32 bytes", id="too short"),
        pytest.param(None, "missing", "TENANTOPS_ROOT_KEY_FILE", id="no such file"),
    ],
)
def test_root_key_that_cannot_be_used_names_its_setting(
    key: str | None, file: str | None, message: str, tmp_path: Path
) -> None:
    with pytest.raises(EncryptionKeyUnavailableError, match=message) as caught:
        read_root_key(key, tmp_path / file if file else None)
    assert "c2hvcnQ" not in str(caught.value)
