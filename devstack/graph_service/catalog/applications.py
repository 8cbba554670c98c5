"""Intune collections under /deviceAppManagement (api.md a.1)."""

from __future__ import annotations

from typing import Any

from devstack.graph_service.catalog.device_management import (
    APPS,
    ASSIGNMENTS,
    CONFIGURATION,
    SERVICE_CONFIG,
)
from devstack.graph_service.catalog.shape import (
    Area,
    Collection,
    IdStyle,
    ListExpand,
    Navigation,
)

MAM_NAVIGATIONS = (
    Navigation(name="apps", on_list=ListExpand.ALLOWED),
    Navigation(name="assignments", on_list=ListExpand.ALLOWED),
)


def app_management(
    key: str,
    entity: str,
    permissions: tuple[tuple[str, ...], tuple[str, ...]] = APPS,
    area: Area = Area.APPLICATIONS,
    **more: Any,
) -> Collection:
    """A row under /deviceAppManagement."""
    read, write = permissions
    return Collection(
        key=key,
        path=f"deviceAppManagement/{key}",
        entity=entity,
        area=area,
        read=read,
        write=write,
        **more,
    )


def typed_protection(key: str, entity: str, *, in_v1: bool = True) -> Collection:
    """A typed collection over managedAppPolicies: only here apps and assignments exist."""
    return app_management(
        key,
        entity,
        area=Area.MAM,
        navigations=MAM_NAVIGATIONS,
        in_v1=in_v1,
        ids=IdStyle.T_PREFIXED,
        view_of="managedAppPolicies",
        cast=entity,
    )


COLLECTIONS = (
    app_management(
        "mobileApps",
        "mobileApp",
        navigations=(
            Navigation(name="categories"),
            ASSIGNMENTS,
            Navigation(name="relationships", on_list=ListExpand.REFUSED),
        ),
        in_v1=True,
        beta_only=("roleScopeTagIds",),
        polymorphic=True,
        page_size=100,
        absent_in_list=("roleScopeTagIds",),
        assign_key="mobileAppAssignments",
    ),
    app_management("mobileAppCategories", "mobileAppCategory", in_v1=True),
    app_management(
        "managedAppPolicies",
        "managedAppPolicy",
        area=Area.MAM,
        in_v1=True,
        beta_only=("roleScopeTagIds",),
        polymorphic=True,
        ids=IdStyle.T_PREFIXED,
    ),
    typed_protection("iosManagedAppProtections", "iosManagedAppProtection"),
    typed_protection("androidManagedAppProtections", "androidManagedAppProtection"),
    typed_protection("windowsManagedAppProtections", "windowsManagedAppProtection", in_v1=False),
    typed_protection("defaultManagedAppProtections", "defaultManagedAppProtection"),
    typed_protection(
        "mdmWindowsInformationProtectionPolicies", "mdmWindowsInformationProtectionPolicy"
    ),
    typed_protection("windowsInformationProtectionPolicies", "windowsInformationProtectionPolicy"),
    app_management(
        "targetedManagedAppConfigurations",
        "targetedManagedAppConfiguration",
        area=Area.MAM,
        navigations=(
            Navigation(name="apps", on_list=ListExpand.EMPTY),
            Navigation(name="assignments", on_list=ListExpand.EMPTY),
        ),
        in_v1=True,
        beta_only=("roleScopeTagIds",),
        ids=IdStyle.T_PREFIXED,
    ),
    app_management(
        "mobileAppConfigurations",
        "managedDeviceMobileAppConfiguration",
        navigations=(ASSIGNMENTS,),
        in_v1=True,
        beta_only=("roleScopeTagIds",),
        polymorphic=True,
    ),
    app_management(
        "policySets",
        "policySet",
        CONFIGURATION,
        navigations=(
            Navigation(name="items", on_list=ListExpand.EMPTY),
            Navigation(name="assignments", on_list=ListExpand.EMPTY),
        ),
    ),
    app_management(
        "vppTokens",
        "vppToken",
        SERVICE_CONFIG,
        in_v1=True,
        creatable=False,
        write_only=("token",),
    ),
)
