"""The token endpoint of every tenant: client credentials, device code, refresh, discovery."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import jwt
import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from devstack.graph_service.answers import Answer, json_answer
from devstack.graph_service.clock import ServiceClock
from devstack.graph_service.counters import Counters
from devstack.graph_service.device_codes import DeviceCodes, SignIn
from devstack.graph_service.generation.draw import stable_guid
from devstack.graph_service.tenant import AppRegistration, TenantState, UnknownAppError
from devstack.graph_service.token_failures import TokenRefusalError, render_token_refusal
from devstack.graph_service.tokens import TokenAuthority

DEVICE_CODE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
OPENID_SCOPES = frozenset({"openid", "profile", "offline_access", "email"})
# Tenants of the address that mean: that of whoever signs in.
ANY_TENANT = frozenset({"common", "organizations"})


class LoginService:
    """What login.microsoftonline.com does for the simulated tenants."""

    def __init__(
        self,
        *,
        tenants: Callable[[str], TenantState | None],
        home: Callable[[], TenantState],
        tokens: TokenAuthority,
        clock: ServiceClock,
        counters: Counters,
        root_url: str,
    ) -> None:
        self._tenants = tenants
        self._home = home
        self._tokens = tokens
        self._clock = clock
        self._counters = counters
        self._root = root_url
        self._refreshable: dict[str, SignIn] = {}
        self.device_codes = DeviceCodes(clock)
        self.lifetime_s = 3599

    def answer(self, method: str, segments: tuple[str, ...], body: bytes) -> Answer | None:
        """The answer to a path below /{tenant}, or None for paths the login service has not."""
        tenant, rest = segments[0], "/".join(segments[1:]).lower()
        if method == "GET":
            return self._public(tenant, rest)
        form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        if rest == "oauth2/v2.0/token":
            return self._guarded(tenant, form, self._token)
        if rest == "oauth2/v2.0/devicecode":
            begin = partial(self._device_code, is_named=tenant.lower() not in ANY_TENANT)
            return self._guarded(tenant, form, begin)
        return None

    def _public(self, tenant: str, rest: str) -> Answer | None:
        if rest in ("v2.0/.well-known/openid-configuration", ".well-known/openid-configuration"):
            return self._discovery(tenant)
        if rest == "discovery/instance":
            link = f"{self._root}/common/v2.0/.well-known/openid-configuration"
            return json_answer(200, {"tenant_discovery_endpoint": link, "metadata": []})
        return json_answer(200, self._tokens.jwks()) if rest == "discovery/v2.0/keys" else None

    def application_token(self, tenant: TenantState, app: AppRegistration) -> str:
        """An access token without the detour over HTTP, for tests of Graph itself."""
        return self._access_token(tenant, app, self._root)

    def _guarded(
        self,
        name: str,
        form: Mapping[str, str],
        handle: Callable[[TenantState, AppRegistration, Mapping[str, str]], Answer],
    ) -> Answer:
        app_id = form.get("client_id", "")
        tenant = self._addressed(name, form)
        if tenant is None:
            unknown = TokenRefusalError(90002)
            return render_token_refusal(unknown, app=app_id, tenant=name, clock=self._clock)
        numbers = self._counters.of(tenant.tenant_id)
        numbers.token_requests += 1
        try:
            return handle(tenant, self._app(tenant, form), form)
        except TokenRefusalError as refusal:
            numbers.token_failures += 1
            return render_token_refusal(refusal, app=app_id, tenant=name, clock=self._clock)

    def _addressed(self, name: str, form: Mapping[str, str]) -> TenantState | None:
        """The tenant of a path; for `organizations` the person's, the first one by default."""
        if name.lower() not in ANY_TENANT:
            return self._tenants(name)
        known = self._refreshable.get(form.get("refresh_token", ""))
        signed_in = known.tenant_id if known else None
        tenant_id = signed_in or self.device_codes.tenant_of(form.get("device_code", ""))
        return self._tenants(tenant_id) if tenant_id else self._home()

    def _app(self, tenant: TenantState, form: Mapping[str, str]) -> AppRegistration:
        if not form.get("client_id"):
            raise TokenRefusalError(900144, detail="client_id")
        if tenant.knobs.failure is not None and _counts_down(tenant.knobs):
            raise TokenRefusalError(tenant.knobs.failure)
        try:
            app = tenant.app(form["client_id"])
        except UnknownAppError:
            raise TokenRefusalError(700016) from None
        if app.failure is not None and _counts_down(app):
            raise TokenRefusalError(app.failure)
        return app

    def _token(self, tenant: TenantState, app: AppRegistration, form: Mapping[str, str]) -> Answer:
        grant = form.get("grant_type")
        if grant == "client_credentials":
            self._check_credential(tenant, app, form)
            resource = self._resource(form.get("scope", ""))
            return self._granted(self._access_token(tenant, app, resource), {})
        if grant == DEVICE_CODE_GRANT:
            code = form.get("device_code", "")
            sign_in = self.device_codes.redeem(code, app.client_id)
            return self._delegated(tenant, app, sign_in, client_info="client_info" in form)
        if grant == "refresh_token":
            known = self._refreshable.get(form.get("refresh_token", ""))
            place = (tenant.tenant_id, app.client_id)
            if known is None or (known.tenant_id, known.client_id) != place:
                raise TokenRefusalError(50173)
            return self._delegated(tenant, app, known, client_info="client_info" in form)
        raise TokenRefusalError(900144, detail="grant_type")

    def _check_credential(
        self, tenant: TenantState, app: AppRegistration, form: Mapping[str, str]
    ) -> None:
        if form.get("client_assertion_type") == ASSERTION_TYPE and "client_assertion" in form:
            self._check_assertion(tenant, app, form["client_assertion"])
        elif "client_secret" not in form or not app.secret:
            raise TokenRefusalError(7000218)
        elif not secrets.compare_digest(form["client_secret"].encode(), app.secret.encode()):
            raise TokenRefusalError(7000215)

    def _check_assertion(self, tenant: TenantState, app: AppRegistration, assertion: str) -> None:
        try:
            header = jwt.get_unverified_header(assertion)
        except jwt.InvalidTokenError:
            raise TokenRefusalError(700027) from None
        thumbprint = header.get("x5t#S256") or header.get("x5t") or ""
        key = app.certificates.get(thumbprint)
        if key is None:
            raise TokenRefusalError(700027)
        try:
            claims = jwt.decode(
                assertion,
                key,
                algorithms=["RS256", "PS256"],
                audience=[
                    f"{self._root}/{tenant.tenant_id}/oauth2/v2.0/token",
                    f"{self._root}/{tenant.tenant_id}/v2.0",
                ],
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.InvalidAudienceError:
            raise TokenRefusalError(700023) from None
        except jwt.InvalidTokenError:
            raise TokenRefusalError(700027) from None
        now = self._clock.timestamp()
        if not float(claims.get("nbf", 0)) - 300 <= now <= float(claims.get("exp", 0)):
            raise TokenRefusalError(700024)
        if {claims.get("iss"), claims.get("sub")} != {app.client_id}:
            raise TokenRefusalError(700027)

    def _resource(self, scope: str) -> str:
        if not scope:
            raise TokenRefusalError(900144, detail="scope")
        if not scope.endswith("/.default"):
            raise TokenRefusalError(1002012, detail=scope)
        resource = scope.removesuffix("/.default")
        if resource not in self._tokens.audiences:
            raise TokenRefusalError(500011, detail=resource)
        return resource

    def _access_token(self, tenant: TenantState, app: AppRegistration, resource: str) -> str:
        claims: dict[str, Any] = {
            "aud": resource,
            "iss": f"{self._root}/{tenant.tenant_id}/",
            "appid": app.client_id,
            "tid": tenant.tenant_id,
            "oid": stable_guid(tenant.tenant_id, app.client_id, "principal"),
            "idtyp": "app",
            "ver": "1.0",
            "uti": secrets.token_urlsafe(12),
        }
        if app.permissions:
            # Without consent the token simply has no roles, and Graph answers 403 (api.md d.7).
            claims["roles"] = sorted(app.permissions)
        return self._tokens.issue(claims, lifetime_s=self.lifetime_s)

    def _granted(self, token: str, more: dict[str, Any]) -> Answer:
        content = {
            "token_type": "Bearer",
            "expires_in": self.lifetime_s,
            "ext_expires_in": self.lifetime_s,
            "access_token": token,
            **more,
        }
        headers = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}
        return json_answer(200, content, headers)

    def _device_code(
        self,
        tenant: TenantState,
        app: AppRegistration,
        form: Mapping[str, str],
        *,
        is_named: bool,
    ) -> Answer:
        scope = form.get("scope", "")
        for name in scope.split():
            self._check_delegated(name)
        named = tenant.tenant_id if is_named else None
        content = self.device_codes.begin(named, app.client_id, scope)
        return json_answer(200, content)

    def _check_delegated(self, scope: str) -> None:
        """A scope is one of OpenID, a permission, or a permission of a resource that is known."""
        resource, slash, name = scope.rpartition("/")
        if slash and resource not in self._tokens.audiences:
            raise TokenRefusalError(500011, detail=resource)
        if scope not in OPENID_SCOPES and "." not in name:
            raise TokenRefusalError(650053, detail=name)

    def _delegated(
        self, tenant: TenantState, app: AppRegistration, sign_in: SignIn, *, client_info: bool
    ) -> Answer:
        user = f"{sign_in.user}@{tenant.world.domain}"
        person = stable_guid(tenant.tenant_id, "person", sign_in.user)
        common = {"tid": tenant.tenant_id, "oid": person, "sub": person, "ver": "2.0"}
        issuer = f"{self._root}/{tenant.tenant_id}/v2.0"
        scopes = sign_in.granted or ()
        claims = {
            **common,
            "aud": self._root,
            "iss": issuer,
            "appid": app.client_id,
            "scp": " ".join(sorted(_permissions(scopes, app))),
            "uti": secrets.token_urlsafe(12),
        }
        refresh = f"0.AXoA{secrets.token_urlsafe(60)}"
        self._refreshable[refresh] = sign_in
        more: dict[str, Any] = {"scope": " ".join(scopes), "refresh_token": refresh}
        if OPENID_SCOPES.intersection(sign_in.scopes):
            identity = {**common, "aud": app.client_id, "iss": issuer, "preferred_username": user}
            more["id_token"] = self._tokens.issue(identity, lifetime_s=self.lifetime_s)
        if client_info:
            packed = orjson.dumps({"uid": person, "utid": tenant.tenant_id})
            more["client_info"] = base64.urlsafe_b64encode(packed).decode().rstrip("=")
        return self._granted(self._tokens.issue(claims, lifetime_s=self.lifetime_s), more)

    def _discovery(self, name: str) -> Answer:
        if name.lower() not in ANY_TENANT and self._tenants(name) is None:
            return render_token_refusal(
                TokenRefusalError(90002), app="", tenant=name, clock=self._clock
            )
        base = f"{self._root}/{name}"
        content = {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_types_supported": ["code", "id_token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "tenant_region_scope": "EU",
            "cloud_instance_name": "local",
        }
        return json_answer(200, content)


def register_certificate(app: AppRegistration, certificate: x509.Certificate) -> str:
    """Let an app sign assertions with this certificate; returns its SHA-1 thumbprint in hex."""
    from cryptography.hazmat.primitives.serialization import Encoding

    der = certificate.public_bytes(Encoding.DER)
    # SHA-1 is what the x5t header is defined as; nothing is protected by it here.
    sha1 = hashlib.sha1(der, usedforsecurity=False).digest()
    for digest in (sha1, certificate.fingerprint(hashes.SHA256())):
        thumbprint = base64.urlsafe_b64encode(digest).decode()
        app.certificates[thumbprint.rstrip("=")] = certificate.public_key()
        app.certificates[thumbprint] = certificate.public_key()
    return sha1.hex().upper()


def _permissions(scopes: Sequence[str], app: AppRegistration) -> set[str]:
    """What consented scopes permit; `.default` stands for all that the app was given before."""
    names = {scope.rpartition("/")[2] for scope in scopes} - OPENID_SCOPES
    return names - {".default"} | (set(app.permissions) if ".default" in names else set())


def _counts_down(holder: Any) -> bool:
    """Whether a limited failure still strikes; each use takes one away."""
    if holder.failures_left is None:
        return True
    if holder.failures_left <= 0:
        holder.failure = None
        holder.failures_left = None
        return False
    holder.failures_left -= 1
    return True
