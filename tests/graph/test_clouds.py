"""Clouds of api.md d.6 and endpoints of one's own."""

import ssl

import pytest

from graph.clouds import ENDPOINTS, Cloud, InvalidEndpointError, custom_endpoint


@pytest.mark.parametrize(
    ("cloud", "authority", "root"),
    [
        (Cloud.GLOBAL, "login.microsoftonline.com", "https://graph.microsoft.com"),
        (Cloud.US_GOVERNMENT, "login.microsoftonline.us", "https://graph.microsoft.us"),
        (Cloud.US_GOVERNMENT_DOD, "login.microsoftonline.us", "https://dod-graph.microsoft.us"),
        (Cloud.CHINA, "login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
        (Cloud.GERMANY, "login.microsoftonline.de", "https://graph.microsoft.de"),
    ],
)
def test_cloud_has_its_own_addresses_and_scope(cloud: Cloud, authority: str, root: str) -> None:
    endpoint = ENDPOINTS[cloud]
    assert (endpoint.authority_host, endpoint.graph_root) == (authority, root)
    assert endpoint.scope == f"{root}/.default"
    assert not endpoint.is_custom


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8443",
        "127.0.0.1:8443",
        "https://",
        "https://host/path",
        "https://user:pass@host",
        "https://host?x=1",
    ],
)
def test_custom_endpoint_refuses_anything_but_an_https_host(address: str) -> None:
    with pytest.raises(InvalidEndpointError):
        custom_endpoint(authority=address, graph_root="https://localhost:1")


def test_every_endpoint_verifies_certificates() -> None:
    context = ENDPOINTS[Cloud.GLOBAL].ssl_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
