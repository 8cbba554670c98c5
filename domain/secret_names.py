"""Which properties hold secrets: exact names and exact neighbours, never a search in text.

The one classifier behind fingerprints in the canonical form and behind diffs without values
(behaviour row 46, api.md section e). `passwordMinimumLength` is a setting and stays readable;
`password` is a secret. It knows no keys and no documents.
"""

from collections.abc import Mapping

# Compared without case, `_` and `-`: `client_secret` of a token response is `clientSecret` of a
# profile. Sources: api.md section e and the property names of the beta schema.
SECRET_NAMES = frozenset(
    {
        "accesstoken",
        "activationlockbypasscode",
        "adminaccountpassword",
        "apikey",
        "authenticationpassword",
        "authorization",
        "azureoperationalinsightsworkspacekey",
        "azurestoragesasuri",
        "azurestorageuri",
        "bootstraptoken",
        "certificatepassword",
        "challengepassword",
        "clientassertion",
        "clientsecret",
        "connectionstring",
        "deviceaccountpassword",
        "devicecode",
        "encryptedpfxblob",
        "encryptedpfxpassword",
        "encryptionkey",
        "enrollmenttoken",
        "idtoken",
        "networkkey",
        "passcode",
        "passphrase",
        "password",
        "personalrecoverykey",
        "pfxblob",
        "pfxpassword",
        "presharedkey",
        "privatekey",
        "productkey",
        "proxypassword",
        "qrcodecontent",
        "qrcodeimage",
        "recoverykey",
        "refreshtoken",
        "scepchallenge",
        "secret",
        "secrettext",
        "sharedkey",
        "sharedsecret",
        "symmetrickey",
        "token",
        "tokenvalue",
        "unlocktoken",
        "userpassword",
        "wepkey",
    }
)

# A value whose neighbour says that it is secret: value property → properties to look at.
NEIGHBOURED_VALUES: Mapping[str, tuple[str, ...]] = {
    "value": ("name", "key", "isEncrypted", "@odata.type", "omaUri"),
    "appConfigKeyValue": ("appConfigKey",),
    "stringValue": ("name", "key"),
}
_SECRET_SETTING = "deviceManagementConfigurationSecretSettingValue"  # noqa: S105 - a type name


def is_secret_name(name: str) -> bool:
    """Whether a property of this name always holds a secret, in whatever object it stands."""
    return name.replace("_", "").replace("-", "").lower() in SECRET_NAMES


def is_secret_value(owner: Mapping[str, object], name: str) -> bool:
    """Whether `owner[name]` holds a secret, by its name or by what stands beside it."""
    return is_secret_name(name) or is_betrayed(owner, NEIGHBOURED_VALUES.get(name, ()))


def is_betrayed(owner: Mapping[str, object], neighbours: tuple[str, ...]) -> bool:
    """Whether one of the named neighbours says that the value beside them is secret.

    That is `isEncrypted` of an OMA-URI setting, the type of a secret setting of the settings
    catalog, and pairs such as `{"name": "clientSecret", "value": …}`.
    """
    for name in neighbours:  # noqa: SIM110 - a generator doubles the cost of the commonest case
        if name in owner and _betrays(name, owner[name]):
            return True
    return False


def _betrays(neighbour: str, value: object) -> bool:
    if neighbour == "isEncrypted":
        return value is True
    if not isinstance(value, str):
        return False
    if neighbour == "@odata.type":
        return value.endswith(_SECRET_SETTING)
    return is_secret_name(value.rpartition("/")[2])
