from datetime import timedelta
from pathlib import Path

import pytest

from settings import (
    Settings,
    SettingsError,
    load_settings,
    load_settings_or_stop,
    settings_reference,
)

SECRET = "hunter2-and-more"
REQUIRED = {
    "DATABASE_URL": f"postgresql://user:{SECRET}@host/db",
    "TENANTOPS_ROOT_KEY": f"{SECRET}-key",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for entry in settings_reference():
        monkeypatch.delenv(entry.variable, raising=False)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def problems() -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value.problems


def test_load_settings_only_the_required_ones_gives_the_defaults(
    environment: pytest.MonkeyPatch,
) -> None:
    settings = load_settings()
    assert settings.task_queue == "tenant-operations"
    assert settings.backup_deadline == timedelta(hours=3)
    assert settings.role_sync_deadline == timedelta(minutes=15)
    assert settings.graph_budget_scale == 1.0
    assert not settings.is_custom_cloud


def test_load_settings_required_ones_missing_are_named_together(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.delenv("DATABASE_URL")
    assert problems() == (
        "DATABASE_URL is not set; set it to postgresql://user:password@host:5432/database",
    )


def test_load_settings_root_key_in_both_places_is_refused(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("k")
    environment.setenv("TENANTOPS_ROOT_KEY_FILE", str(tmp_path / "key"))
    assert [problem.partition(", one")[0] for problem in problems()] == [
        "TENANTOPS_ROOT_KEY: set it or TENANTOPS_ROOT_KEY_FILE or TENANTOPS_ROOT_KEY_VAULT"
    ]


@pytest.mark.parametrize(
    ("address", "is_good"),
    [
        ("https://a.vault.azure.net/keys/root", True),
        ("https://a.vault.azure.net/keys/root/0123456789abcdef0123456789abcdef", True),
        ("https://a.vault.azure.net/secrets/root", False),
        ("https://a.vault.azure.net/keys/root/1/2", False),
        ("http://a.vault.azure.net/keys/root", False),
    ],
)
def test_load_settings_key_of_a_vault_is_an_address_of_a_key(
    environment: pytest.MonkeyPatch, address: str, is_good: bool
) -> None:
    environment.delenv("TENANTOPS_ROOT_KEY")
    environment.setenv("TENANTOPS_ROOT_KEY_VAULT", address)
    if is_good:
        assert load_settings().root_key_vault == address
    else:
        assert "TENANTOPS_ROOT_KEY_VAULT has a wrong value" in problems()[0]


def test_load_settings_root_key_in_no_place_is_left_to_who_needs_it(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.delenv("TENANTOPS_ROOT_KEY")
    assert load_settings().root_key is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("DATABASE_URL", f"mysql://{SECRET}", id="another database"),
        pytest.param("TENANTOPS_ROOT_KEY_FILE", f"/nowhere/{SECRET}", id="missing key file"),
        pytest.param("TENANTOPS_ROOT_KEY_FILE", SECRET * 999, id="no path of any file"),
        pytest.param("TENANTOPS_GRAPH_ROOT", f"http://{SECRET}", id="graph without encryption"),
        pytest.param("TENANTOPS_GRAPH_ROOT", f"https://host/{SECRET}", id="graph with a path"),
        pytest.param("TENANTOPS_AUTHORITY_HOST", f"https://u:{SECRET}@host", id="login with user"),
        pytest.param("TENANTOPS_CA_BUNDLE", f"/nowhere/{SECRET}", id="missing authorities"),
        pytest.param("TENANTOPS_HTTP_PROXY", f"socks://{SECRET}", id="another kind of proxy"),
        pytest.param("TENANTOPS_GRAPH_BUDGET_SCALE", "-7.25", id="no budget"),
        pytest.param("TENANTOPS_GRAPH_BUDGET_SHARE", "1.5", id="more than all"),
        pytest.param("TENANTOPS_BACKUP_DEADLINE", "soon", id="no duration"),
        pytest.param("TENANTOPS_ROLE_SYNC_DEADLINE", "0s", id="no time at all"),
        pytest.param("TENANTOPS_CATCHUP_WINDOW", "9s", id="window below Temporal's"),
        pytest.param("TENANTOPS_LOG_LEVEL", "CHATTY", id="unknown level"),
        pytest.param("TENANTOPS_HUB_URL", f"ftp://{SECRET}", id="hub elsewhere"),
    ],
)
def test_load_settings_wrong_value_is_named_with_its_mend_and_never_shown(
    environment: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    environment.setenv(variable, value)
    (problem,) = problems()
    assert problem.startswith(f"{variable} has a wrong value; set it to")
    assert value not in problem
    assert SECRET not in problem


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("3h", timedelta(hours=3)),
        ("90m", timedelta(minutes=90)),
        ("1h30m15s", timedelta(hours=1, minutes=30, seconds=15)),
        ("45s", timedelta(seconds=45)),
    ],
)
def test_load_settings_duration_is_read_as_written(
    environment: pytest.MonkeyPatch, written: str, meant: timedelta
) -> None:
    environment.setenv("TENANTOPS_BACKUP_DEADLINE", written)
    assert load_settings().backup_deadline == meant


def test_load_settings_empty_variable_counts_as_unset(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TENANTOPS_HUB_URL", "")
    assert load_settings().hub_url is None


def test_load_settings_custom_cloud_needs_both_addresses(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TENANTOPS_GRAPH_ROOT", "https://localhost:8443/")
    assert problems() == ("TENANTOPS_GRAPH_ROOT: set it together with TENANTOPS_AUTHORITY_HOST",)
    environment.setenv("TENANTOPS_AUTHORITY_HOST", "https://localhost:8444")
    assert load_settings().graph_root == "https://localhost:8443"


def test_load_settings_env_file_in_the_directory_is_not_read(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("TENANTOPS_TASK_QUEUE=elsewhere\n")
    environment.chdir(tmp_path)
    assert load_settings().task_queue == "tenant-operations"


def test_settings_shown_hide_their_secrets(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TENANTOPS_HTTP_PROXY", f"http://user:{SECRET}@proxy")
    settings = load_settings()
    assert SECRET not in f"{settings!r}{settings}{settings.model_dump()}"


def test_settings_once_read_do_not_change(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().task_queue = "elsewhere"  # type: ignore[misc]  # the point of the test


def test_load_settings_or_stop_wrong_environment_ends_the_process(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.delenv("DATABASE_URL")
    with pytest.raises(SystemExit, match="DATABASE_URL is not set"):
        load_settings_or_stop()


def test_settings_reference_every_setting_is_described_once() -> None:
    entries = settings_reference()
    assert len({entry.variable for entry in entries}) == len(Settings.model_fields)
    assert all(entry.description.endswith(".") for entry in entries)
    assert [entry.variable for entry in entries if entry.is_required] == ["DATABASE_URL"]
    assert {entry.variable for entry in entries if entry.is_secret} == {
        "DATABASE_URL",
        "TENANTOPS_ROOT_KEY",
        "TENANTOPS_ROOT_KEY_PREVIOUS",
        "TENANTOPS_HTTP_PROXY",
    }


def test_settings_reference_default_is_written_as_one_would_set_it() -> None:
    defaults = {entry.variable: entry.default for entry in settings_reference()}
    assert defaults["TENANTOPS_BACKUP_DEADLINE"] == "3h"
    assert defaults["TENANTOPS_CATCHUP_WINDOW"] == "15m"
