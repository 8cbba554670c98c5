import pytest

from domain.secret_names import is_secret_name, is_secret_value


@pytest.mark.parametrize(
    "name", ["password", "clientSecret", "client_secret", "privateKey", "preSharedKey", "token"]
)
def test_secret_names_are_recognized_in_either_spelling(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["passwordMinimumLength", "passwordRequired", "preSharedKeyIsSet", "secretReferenceValueId",
     "tokenType", "certificateStore", "keyUsage", "passcodeRequired", "productKeyType"],
)  # fmt: skip
def test_settings_about_secrets_stay_readable(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "owner",
    [
        pytest.param({"isEncrypted": True, "value": "x"}, id="encrypted OMA-URI"),
        pytest.param(
            {
                "@odata.type": "#microsoft.graph.deviceManagementConfigurationSecretSettingValue",
                "value": "x",
            },
            id="secret setting",
        ),
        pytest.param({"name": "clientSecret", "value": "x"}, id="named pair"),
        pytest.param({"omaUri": "./Vendor/MSFT/WiFi/Password", "value": "x"}, id="OMA-URI name"),
    ],
)
def test_value_is_secret_by_what_stands_beside_it(owner: dict[str, object]) -> None:
    assert is_secret_value(owner, "value")


@pytest.mark.parametrize(
    "owner",
    [
        {"isEncrypted": False, "value": "x"},
        {"name": "passwordMinimumLength", "value": 8},
        {"@odata.type": "#microsoft.graph.deviceManagementConfigurationStringSettingValue"},
        {"isEncrypted": "true", "name": 7},
    ],
)
def test_value_is_readable_when_nothing_beside_it_says_otherwise(owner: dict[str, object]) -> None:
    assert not is_secret_value(owner, "value")
