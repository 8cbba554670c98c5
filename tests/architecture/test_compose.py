"""The production shape is checked by parsing: no container engine runs these files here.

The setup scripts that they mount are run for real in tests/deploy/.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (PROJECT / "Dockerfile").read_text()
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?P<default>:-[^}]*)?\}")
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|PWD|_KEY(_|$)|API_KEY|CREDENTIAL")
ONE_SHOT = {"temporal-schema", "temporal-namespace", "migrate"}
PINNED = re.compile(r"^[a-z0-9./-]+:\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?$")


def example_names() -> set[str]:
    lines = (PROJECT / ".env.example").read_text().splitlines()
    return {
        line.partition("=")[0].lstrip("# ") for line in lines if re.match(r"^#? ?[A-Z_]+=", line)
    }


def environments() -> Iterator[tuple[str, str, str]]:
    for service, parts in SERVICES.items():
        for name, value in parts.get("environment", {}).items():
            yield service, name, str(value)


def variables() -> Iterator[re.Match[str]]:
    yield from VARIABLE.finditer((PROJECT / "docker-compose.yml").read_text())


def host_paths() -> Iterator[str]:
    for parts in SERVICES.values():
        mounts = [str(mount).partition(":")[0] for mount in parts.get("volumes", [])]
        yield from (mount for mount in mounts if mount.startswith("."))


@pytest.mark.parametrize("service", SERVICES)
def test_service_image_is_pinned_to_a_version(service: str) -> None:
    image = SERVICES[service]["image"]

    assert PINNED.match(image), image
    assert "latest" not in image
    assert "auto-setup" not in image


def test_dockerfile_base_images_are_pinned_to_a_patch_version() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)

    assert bases
    assert all(re.match(r"^python:3\.\d+\.\d+-slim", base) for base in bases)


def test_dockerfile_installs_only_what_the_lock_hashes() -> None:
    installs = re.findall(r"pip install ([^\\&\n]*)", DOCKERFILE)

    assert installs
    assert all("--require-hashes" in install for install in installs)


def test_dockerfile_ends_as_an_unprivileged_user() -> None:
    users = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)

    assert users == [SERVICES["worker"]["user"]]
    assert not users[0].startswith("0:")


@pytest.mark.parametrize("service", SERVICES)
def test_service_runs_without_root_and_without_capabilities(service: str) -> None:
    parts = SERVICES[service]

    assert int(parts["user"].partition(":")[0]) > 0
    assert parts["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in parts["security_opt"]
    assert "privileged" not in parts


@pytest.mark.parametrize("service", ["worker", "migrate", "cli", "temporal", "temporal-schema"])
def test_service_root_file_system_is_read_only(service: str) -> None:
    assert SERVICES[service]["read_only"] is True
    assert "/tmp" in SERVICES[service]["tmpfs"]


def test_mounted_files_exist() -> None:
    mounted = list(host_paths())

    assert mounted
    assert [path for path in mounted if not (PROJECT / path).exists()] == []


@pytest.mark.parametrize("service", SERVICES)
def test_service_command_names_a_script_that_is_mounted(service: str) -> None:
    scripts = [
        Path(word).name
        for word in SERVICES[service].get("command", [])
        if str(word).startswith("/opt/tenantops/")
    ]

    assert all((PROJECT / "deploy" / "temporal" / script).is_file() for script in scripts)


def test_dockerfile_copies_files_that_exist_and_are_not_ignored() -> None:
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        assert all((PROJECT / source).exists() for source in line.split()[:-1])
    allowed = re.findall(r"^!(\S+)$", (PROJECT / ".dockerignore").read_text(), re.MULTILINE)

    missing = [path for path in allowed if not (PROJECT / path).exists()]
    assert missing == []
    assert {"requirements.lock", "pyproject.toml", "deploy/image/"} <= set(allowed)


def test_image_holds_every_package_of_the_product() -> None:
    packages = {path.parent.name for path in PROJECT.glob("*/__init__.py")} - {"tests", "bench"}
    allowed = re.findall(r"^!(\S+)/$", (PROJECT / ".dockerignore").read_text(), re.MULTILINE)

    assert packages <= set(allowed)


def test_variables_stand_in_the_example_and_have_defaults() -> None:
    found = list(variables())

    assert found
    assert {one["name"] for one in found} - example_names() == set()
    assert [one["name"] for one in found if one["default"] is None] == []


def test_example_values_are_the_defaults_of_compose() -> None:
    text = (PROJECT / ".env.example").read_text()

    for found in variables():
        value = re.search(rf"^{found['name']}=(.*)$", text, re.MULTILINE)
        assert value is not None, found["name"]
        assert value[1] == found["default"][2:], found["name"]


def test_no_secret_has_a_value_in_the_files() -> None:
    secret_environment = [
        (service, name)
        for service, name, value in environments()
        if SECRET_NAME.search(name) and not value.startswith("/run/secrets/")
    ]
    lines = (PROJECT / ".env.example").read_text().splitlines()
    secret_examples = [
        line
        for line in lines
        if re.match(r"^[A-Z_]+=.+", line) and SECRET_NAME.search(line.partition("=")[0])
    ]

    assert secret_environment == []
    assert [line for line in secret_examples if not line.startswith("TENANTOPS_SECRETS_DIR=")] == []


def test_database_addresses_hold_no_password() -> None:
    addresses = [value for _, name, value in environments() if name == "DATABASE_URL"]

    assert len(addresses) == 3
    assert all(
        re.match(r"^postgresql://[a-z_]+@postgres:5432/tenantops$", one) for one in addresses
    )


def test_secrets_are_files_that_the_script_creates() -> None:
    script = (PROJECT / "deploy" / "create-secrets.sh").read_text()
    created = set(re.findall(r"^create (\w+) ", script, re.MULTILINE))
    used = {name for parts in SERVICES.values() for name in parts.get("secrets", [])}

    assert set(COMPOSE["secrets"]) == created == used
    assert all(set(parts) == {"file"} for parts in COMPOSE["secrets"].values())


@pytest.mark.parametrize("service", SERVICES)
def test_service_reads_only_secrets_it_was_given(service: str) -> None:
    parts = SERVICES[service]
    values = [str(value) for value in parts.get("environment", {}).values()]
    read = {value.removeprefix("/run/secrets/") for value in values if value.startswith("/run/")}

    assert read <= set(parts.get("secrets", []))


def test_dependencies_wait_for_a_condition_that_can_come_true() -> None:
    for service, parts in SERVICES.items():
        for needed, how in parts.get("depends_on", {}).items():
            assert needed in SERVICES, service
            is_one_shot = how["condition"] == "service_completed_successfully"
            assert is_one_shot is (needed in ONE_SHOT), (service, needed)
            assert is_one_shot or "test" in SERVICES[needed]["healthcheck"], (service, needed)


def test_dependencies_have_no_circle() -> None:
    def chain(service: str, path: tuple[str, ...]) -> None:
        assert service not in path, (*path, service)
        for needed in SERVICES[service].get("depends_on", {}):
            chain(needed, (*path, service))

    for service in SERVICES:
        chain(service, ())


def test_steps_end_and_servers_stay() -> None:
    servers = set(SERVICES) - ONE_SHOT - {"cli"}

    assert {SERVICES[name]["restart"] for name in ONE_SHOT} == {"on-failure:5"}
    assert {SERVICES[name]["restart"] for name in servers} == {"unless-stopped"}
    assert all("test" in SERVICES[name]["healthcheck"] for name in servers)


def test_volumes_are_named_and_declared() -> None:
    for parts in SERVICES.values():
        for mount in parts.get("volumes", []):
            source = str(mount).partition(":")[0]
            assert source.startswith("./") or source in COMPOSE["volumes"], mount
    assert SERVICES["postgres"]["volumes"][0] == "postgres-data:/var/lib/postgresql/data"
    assert SERVICES["postgres"]["environment"]["PGDATA"].startswith("/var/lib/postgresql/data/")


def test_only_the_temporal_ui_is_published_and_on_loopback_alone() -> None:
    published = {name: parts["ports"] for name, parts in SERVICES.items() if "ports" in parts}

    assert set(published) == {"temporal-ui"}
    assert all(port.startswith("127.0.0.1:") for port in published["temporal-ui"])


def test_networks_keep_postgres_and_temporal_inside() -> None:
    reachable = {name for name, parts in SERVICES.items() if "postgres" in parts["networks"]}

    assert reachable == set()
    for service in ("postgres", "temporal", "migrate"):
        assert all(COMPOSE["networks"][name]["internal"] for name in SERVICES[service]["networks"])
    assert "internet" in SERVICES["worker"]["networks"]
    assert "data" not in SERVICES["temporal-ui"]["networks"]


def test_services_share_a_network_with_what_they_talk_to() -> None:
    for service, needed in [
        ("worker", "postgres"),
        ("worker", "temporal"),
        ("migrate", "postgres"),
        ("temporal", "postgres"),
        ("temporal-schema", "postgres"),
        ("temporal-namespace", "temporal"),
        ("temporal-ui", "temporal"),
        ("cli", "postgres"),
        ("cli", "temporal"),
    ]:
        assert set(SERVICES[service]["networks"]) & set(SERVICES[needed]["networks"]), service


def test_temporal_server_has_its_own_databases_shards_and_dynamic_configuration() -> None:
    environment = SERVICES["temporal"]["environment"]
    shards = VARIABLE.match(environment["NUM_HISTORY_SHARDS"])
    dynamic = yaml.safe_load((PROJECT / "deploy/temporal/dynamic-config.yaml").read_text())

    assert shards is not None
    assert int(shards["default"][2:]) >= 128
    assert {environment["DBNAME"], environment["VISIBILITY_DBNAME"]} == {
        "temporal",
        "temporal_visibility",
    }
    assert Path(environment["DYNAMIC_CONFIG_FILE_PATH"]).name == "dynamic-config.yaml"
    assert dynamic["matching.enableFairness"] == [{"value": True}]
    assert dynamic["frontend.namespaceRPS.visibility"][0]["value"] > 10


def test_workers_stop_later_than_their_own_grace_and_run_twice() -> None:
    worker = SERVICES["worker"]

    assert worker["deploy"]["replicas"] == "${TENANTOPS_WORKERS:-2}"
    assert int(worker["stop_grace_period"].removesuffix("s")) >= 60
    assert worker["init"] is True


def test_a_moving_tag_is_told_from_a_pinned_one() -> None:
    assert not PINNED.match("postgres:latest")
    assert not PINNED.match("postgres:17")
    assert not PINNED.match("postgres")
    assert PINNED.match("postgres:17.9-trixie")
