"""Each kind of secret of api.md section e is recognized in foreign text; harmless names stay."""

import pytest

from domain.redaction import scrub

JWT = "eyJ0eXAiOiJKV1QiLCJub25jZSI6IlF3.eyJhdWQiOiJodHRwczovL2dyYXBoIn0.ZkX2pAbCdEf"

SECRETS = {
    "access token in a header": (f"Authorization: Bearer {JWT}", JWT),
    "bare access token": (f"got {JWT} back", JWT),
    "opaque refresh token": ("token 0.AXoA1xYdAbCdEfGhIjKlMnOpQrStUv end", "0.AXoA1xYd"),
    "consumer refresh token": ("M.C519_BAY.0.U.-ClAbCdEf", "BAY.0.U"),
    "client secret by shape": ("secret Qx~8Q~hT3v.dK1nR7-aaBbCcDdEeFfGg1234ab", "hT3v.dK1nR7"),
    "client secret by name": ("client_secret=anything-goes", "anything-goes"),
    "device code": ("device_code=GAQABAAEAAAD", "GAQABAAEAAAD"),
    "text of an AADSTS error": (
        "AADSTS50020: User account 'jane.doe@fabrikam.com' does not exist",
        "does not exist",
    ),
    "e-mail address": ("owner admin@M365x94840470.onmicrosoft.com", "admin@"),
    "bypass code": ('"activationLockBypassCode":"0A1B-2C3D-4E5F"', "0A1B"),
    "recovery key": ("key 0A1B-2C3D-4E5F-6A7B", "2C3D"),
    "shared access signature": (
        "https://x.blob.core.windows.net/a?sv=2021&sig=k3%2BJ%3D&sp=rw",
        "k3%2BJ",
    ),
    "certificate": ("MIIDdzCCAl+gAwIBAgIEabcdefghijklmnopqrstuvwxyzABCDEFGHIJ", "IBAgIE"),
    "private key": (
        "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
        "MIIE",
    ),
    "pre-shared key": ('{"preSharedKey":"correct horse"}', "correct"),
    "cookie": ("Set-Cookie: esctx=PAQABAgEA; fpc=Ag", "PAQABAgEA"),
    "internal address": ("https://fef.msua09.manage.microsoft.com/DeviceFE/x", "msua09"),
    "proxy credentials": ("http://user:pa55w0rd@proxy:8080", "pa55w0rd"),
    "enrollment token": ('"tokenValue":"VQabcdef"', "VQabcdef"),
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS.keys())
def test_scrub_of_text_with_a_secret_removes_it(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in scrub(text)


@pytest.mark.parametrize(
    "text",
    [
        "passwordMinimumLength is 12",
        "GET /deviceManagement/configurationPolicies/{id} answered 403",
        "request 7b1c3f2e-58c1-4d0e-9d64-6a3f5f0e2c11 took 31 ms",
        "backup_schedule.scheduled:5f5f5f5f",
    ],
)
def test_scrub_of_harmless_text_keeps_it(text: str) -> None:
    assert scrub(text) == text
