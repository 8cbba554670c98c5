import base64
from pathlib import Path

import pytest

from services.contents.root_keys import (
    EncryptionKeyUnavailableError,
    LocalRootKey,
    RootKeys,
    generate_root_key,
    read_root_key,
)

TEXT = base64.b64encode(b"k" * 32).decode()
OLD, NEW = LocalRootKey(b"o" * 32, "PREVIOUS"), LocalRootKey(b"n" * 32)
OTHER = LocalRootKey(b"x" * 32)


async def test_root_key_unwraps_what_it_wrapped() -> None:
    key = read_root_key(generate_root_key(), None)
    wrapped = await key.wrap(b"data key", b"here")
    assert wrapped.root_key_id == key.key_id == await key.current_id()
    assert await key.unwrap(wrapped, b"here") == b"data key"


async def test_root_key_is_bound_to_its_context() -> None:
    key = LocalRootKey(b"k" * 32)
    wrapped = await key.wrap(b"data key", b"here")
    for altered in (wrapped, wrapped._replace(wrapped=b"")):
        with pytest.raises(EncryptionKeyUnavailableError):
            await key.unwrap(altered, b"there")


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
        pytest.param("c2hvcnQ\u00fc", None, "TENANTOPS_ROOT_KEY does not hold", id="no ASCII"),
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
    assert caught.value.__cause__ is None


async def test_root_keys_open_what_any_of_them_wrapped() -> None:
    keys = RootKeys(NEW, [OLD])
    for key in (OLD, NEW):
        assert await keys.unwrap(await key.wrap(b"data key", b"here"), b"here") == b"data key"
    with pytest.raises(EncryptionKeyUnavailableError, match=OTHER.key_id) as caught:
        await keys.unwrap(await OTHER.wrap(b"data key", b"here"), b"here")
    assert f"PREVIOUS holds {OLD.key_id}" in str(caught.value)


@pytest.mark.parametrize(
    ("in_use", "chosen"),
    [
        pytest.param([], NEW, id="an empty database"),
        pytest.param([OLD.key_id], OLD, id="before the rotation"),
        pytest.param([OLD.key_id, NEW.key_id], OLD, id="amid the rotation"),
        pytest.param([NEW.key_id], NEW, id="after the rotation"),
        pytest.param([NEW.key_id, OTHER.key_id], NEW, id="beside one that is lost"),
    ],
)
async def test_new_keys_are_wrapped_so_that_every_process_opens_them(
    in_use: list[str], chosen: LocalRootKey
) -> None:
    assert await RootKeys(NEW, [OLD]).beside(in_use) is chosen


async def test_wrong_root_key_wraps_nothing_beside_others() -> None:
    with pytest.raises(EncryptionKeyUnavailableError, match=OTHER.key_id):
        await RootKeys(NEW, [OLD]).beside([OTHER.key_id])
