"""Directory objects: groups, users, apps, organization, domains and tenant-wide policies."""

from __future__ import annotations

from devstack.graph_service.generation.draw import RINGS, Document, Draw
from devstack.graph_service.generation.profiles import DYNAMIC_GROUP_SHARE
from devstack.graph_service.generation.world import World

MAXIMUM_GENERATED_MEMBERS = 260


def group(world: World, index: int) -> Document:
    """A group with owners and members."""
    return {**group_header(world, index), **_people(world, world.draw("groups", index, "people"))}


def group_header(world: World, index: int) -> Document:
    """A group without its people; the profile decides how many are dynamic."""
    draw = world.draw("groups", index)
    dynamic = draw.chance(DYNAMIC_GROUP_SHARE[world.profile])
    unified = not dynamic and draw.chance(0.2)
    nickname = f"group{index}"
    synced = not dynamic and not unified and draw.chance(0.05)
    kinds = [*(["DynamicMembership"] if dynamic else []), *(["Unified"] if unified else [])]
    return {
        "id": world.id_of("groups", index),
        "deletedDateTime": None,
        "classification": None,
        "createdDateTime": draw.moment()[:19] + "Z",
        "description": draw.sentence(3, 9) if draw.chance(0.7) else None,
        "displayName": f"{draw.pick(RINGS)} {draw.title(2)} {index + 1}",
        "expirationDateTime": None,
        "groupTypes": kinds,
        "isAssignableToRole": None,
        "mail": f"{nickname}@{world.domain}" if unified else None,
        "mailEnabled": unified,
        "mailNickname": nickname,
        "membershipRule": '(device.deviceOwnership -eq "Company")' if dynamic else None,
        "membershipRuleProcessingState": "On" if dynamic else None,
        "onPremisesSyncEnabled": True if synced else None,
        "preferredDataLocation": None,
        "proxyAddresses": [f"SMTP:{nickname}@{world.domain}"] if unified else [],
        "renewedDateTime": draw.moment()[:19] + "Z",
        "securityEnabled": not unified,
        "securityIdentifier": f"S-1-12-1-{draw.number(1, 2**31)}-{draw.number(1, 2**31)}",
        "theme": None,
        "visibility": "Private" if unified else None,
    }


def _people(world: World, draw: Draw) -> Document:
    total = world.count("users")
    size = min(total, draw.skewed(6, 60, MAXIMUM_GENERATED_MEMBERS))
    start = draw.number(0, max(0, total - 1))
    members = [user_reference(world, (start + i) % total) for i in range(size)] if total else []
    return {"members": members, "owners": members[:1], "transitiveMembers": members}


def user_reference(world: World, index: int) -> Document:
    """A user as a member is shown."""
    identifier = world.id_of("users", index)
    return {
        "@odata.type": "#microsoft.graph.user",
        "id": identifier,
        "displayName": f"Person {index + 1}",
        "userPrincipalName": f"person{index + 1}@{world.domain}",
    }


def user(world: World, index: int) -> Document:
    """An invented user."""
    draw = world.draw("users", index)
    return {
        "id": world.id_of("users", index),
        "displayName": f"Person {index + 1}",
        "userPrincipalName": f"person{index + 1}@{world.domain}",
        "mail": f"person{index + 1}@{world.domain}",
        "jobTitle": draw.pick(("Engineer", "Buyer", "Clerk", None)),
        "accountEnabled": draw.chance(0.95),
    }


def application(world: World, index: int) -> Document:
    """An app registration."""
    draw = world.draw("applications", index)
    return {
        "id": world.id_of("applications", index),
        "appId": draw.guid(),
        "displayName": f"Application {draw.title(1)} {index + 1}",
        "signInAudience": "AzureADMyOrg",
        "identifierUris": [],
        "passwordCredentials": [],
    }


def service_principal(world: World, index: int) -> Document:
    """An enterprise application."""
    draw = world.draw("servicePrincipals", index)
    return {
        "id": world.id_of("servicePrincipals", index),
        "appId": draw.guid(),
        "displayName": f"Service {draw.title(1)} {index + 1}",
        "servicePrincipalType": "Application",
        "accountEnabled": True,
    }


def organization(world: World, _index: int) -> Document:
    """The tenant itself: the cheapest connection test."""
    return {
        "id": world.tenant_id,
        "deletedDateTime": None,
        "displayName": world.label,
        "countryLetterCode": "DE",
        "createdDateTime": "2021-04-01T08:00:00Z",
        "tenantType": "AAD",
        "onPremisesSyncEnabled": None,
        "technicalNotificationMails": [f"it@{world.domain}"],
        "businessPhones": ["+43 1 0000000"],
        "city": "Graz",
        "preferredLanguage": "de",
        "onPremisesLastSyncDateTime": None,
        "directorySizeQuota": {"used": 100 + world.count("groups"), "total": 300_000},
        "verifiedDomains": [{"name": world.domain, "isDefault": True, "isInitial": True}],
        "assignedPlans": [
            {"service": "SCO", "capabilityStatus": "Enabled", "servicePlanId": Draw("plan").guid()}
        ],
    }


def domain(world: World, index: int) -> Document:
    """A verified domain; its id is its name."""
    return {
        "id": world.id_of("domains", index),
        "authenticationType": "Managed",
        "isAdminManaged": True,
        "isDefault": index == 0,
        "isInitial": index == 0,
        "isRoot": True,
        "isVerified": True,
        "availabilityStatus": None,
        "passwordNotificationWindowInDays": 14,
        "passwordValidityPeriodInDays": 2147483647,
        "state": None,
        "supportedServices": ["Email", "Intune"],
    }


def authorization_policy(world: World, _index: int) -> Document:
    """The authorizationPolicy singleton."""
    return {
        "id": "authorizationPolicy",
        "displayName": "Authorization Policy",
        "description": "Used to manage authorization related settings across the company.",
        "allowInvitesFrom": "adminsAndGuestInviters",
        "allowedToSignUpEmailBasedSubscriptions": False,
        "allowedToUseSSPR": True,
        "blockMsolPowerShell": True,
        "guestUserRoleId": world.id_of("directoryRoleDefinitions", 1),
        "defaultUserRolePermissions": {
            "allowedToCreateApps": False,
            "allowedToCreateSecurityGroups": False,
            "allowedToReadOtherUsers": True,
        },
    }


def security_defaults(world: World, _index: int) -> Document:
    """The security defaults singleton."""
    return {
        "id": world.id_of("identitySecurityDefaultsEnforcementPolicy", 0),
        "displayName": "Security Defaults",
        "description": "Security defaults protect against common attacks.",
        "isEnabled": False,
    }


def authentication_methods(world: World, _index: int) -> Document:
    """The authentication methods singleton; the methods come along without being asked for."""
    everyone: Document = {"targetType": "group", "id": "all_users", "isRegistrationRequired": False}
    some = {**everyone, "id": world.pick_id(Draw("methods"), "groups") or "all_users"}
    return {
        "id": "authenticationMethodsPolicy",
        "displayName": "Authentication Methods Policy",
        "policyVersion": "1.5",
        "policyMigrationState": "migrationComplete",
        "reconfirmationInDays": None,
        "lastModifiedDateTime": "2026-02-03T10:00:00Z",
        "registrationEnforcement": {
            "authenticationMethodsRegistrationCampaign": {
                "snoozeDurationInDays": 1,
                "enforceRegistrationAfterAllowedSnoozes": True,
                "state": "default",
                "excludeTargets": [],
                "includeTargets": [
                    {
                        "id": "all_users",
                        "targetType": "group",
                        "targetedAuthenticationMethod": "microsoftAuthenticator",
                    }
                ],
            }
        },
        "authenticationMethodConfigurations": [
            {
                "@odata.type": "#microsoft.graph.fido2AuthenticationMethodConfiguration",
                "id": "Fido2",
                "state": "enabled",
                "isSelfServiceRegistrationAllowed": True,
                "isAttestationEnforced": True,
                "keyRestrictions": {
                    "isEnforced": False,
                    "enforcementType": "block",
                    "aaGuids": [],
                },
                "excludeTargets": [],
                "includeTargets": [everyone],
            },
            {
                "@odata.type": "#microsoft.graph.smsAuthenticationMethodConfiguration",
                "id": "Sms",
                "state": "disabled",
                "excludeTargets": [],
                "includeTargets": [some],
            },
        ],
    }


def cross_tenant_access(world: World, _index: int) -> Document:
    """The cross-tenant access singleton with its default and its partners."""
    draw = world.draw("crossTenantAccessPolicy", 0)
    return {
        "id": "crossTenantAccessPolicy",
        "displayName": "CrossTenantAccessPolicy",
        "allowedCloudEndpoints": ["microsoftonline.us"],
        "default": {
            "isServiceDefault": False,
            "inboundTrust": {"isMfaAccepted": draw.chance(0.5)},
            "b2bCollaborationInbound": _everybody("allowed"),
            "b2bCollaborationOutbound": _everybody("allowed"),
            "b2bDirectConnectInbound": _everybody("blocked"),
            "b2bDirectConnectOutbound": _everybody("blocked"),
        },
        "partners": [_partner(draw, number) for number in range(draw.number(1, 3))],
    }


def _everybody(access: str) -> Document:
    return {
        "usersAndGroups": {
            "accessType": access,
            "targets": [{"target": "AllUsers", "targetType": "user"}],
        },
        "applications": {
            "accessType": access,
            "targets": [{"target": "AllApplications", "targetType": "application"}],
        },
    }


def _partner(draw: Draw, number: int) -> Document:
    tenant_id = draw.guid()
    sync = {"displayName": "Fabrikam", "tenantId": tenant_id, "userSyncInbound": None}
    return {
        "tenantId": tenant_id,
        "isServiceProvider": draw.chance(0.3),
        "isInMultiTenantOrganization": False,
        "inboundTrust": None,
        "b2bCollaborationInbound": _everybody("allowed"),
        "b2bCollaborationOutbound": None,
        "identitySynchronization": sync if number == 0 else None,
    }


def admin_consent(world: World, _index: int) -> Document:
    """The admin consent request singleton; it has no id."""
    reviewer = world.pick_id(world.draw("adminConsentRequestPolicy", 0), "users")
    return {
        "isEnabled": True,
        "notifyReviewers": True,
        "remindersEnabled": True,
        "requestDurationInDays": 30,
        "version": 0,
        "reviewers": [
            {"query": f"/users/{reviewer}", "queryType": "MicrosoftGraph", "queryRoot": None}
        ],
    }
