"""A resource type is one entry: one that the registry lacks is added here and backed up."""

import sys
from types import MappingProxyType

import pytest

from devstack.graph_service import GraphConfig, Profile
from domain.resource_types import registry
from domain.resource_types.rules import COMMON_VOLATILE, full_restore
from domain.resource_types.shape import ResourceType, ServiceArea
from tests.end_to_end.conftest import Run
from tests.end_to_end.product import Product
from tests.end_to_end.stored import changes_of, documents_of

# All that the product learns of the type.
APP_CATEGORY = ResourceType(
    key="mobileAppCategory",
    label="App category",
    odata_type="#microsoft.graph.mobileAppCategory",
    list_path="/deviceAppManagement/mobileAppCategories",
    volatile=COMMON_VOLATILE,
    permission_read="DeviceManagementApps.Read.All",
    permission_write="DeviceManagementApps.ReadWrite.All",
    service_area=ServiceArea.APPLICATIONS,
    restore=full_restore(55),
    export_folder="app-categories",
)
CATEGORIES = "mobileAppCategories"
CONFIG = GraphConfig(profile=Profile.NONE, tenants=1, budget_scale=0, counts={CATEGORIES: 4})


@pytest.fixture
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the entry to the registry, and to the views of it that modules took at import."""
    before = registry.RESOURCE_TYPES
    assert APP_CATEGORY.key not in before
    after = MappingProxyType({**before, APP_CATEGORY.key: APP_CATEGORY})
    monkeypatch.setattr(registry, "_ALL", tuple(after.values()))
    for module in list(sys.modules.values()):
        if getattr(module, "RESOURCE_TYPES", None) is before:
            monkeypatch.setattr(module, "RESOURCE_TYPES", after)


def rename_first(product: Product) -> str:
    object_id: str = product.graph.control.object_ids(0, CATEGORIES)[0]
    product.graph.control.update_object(0, CATEGORIES, object_id, {"displayName": "Renamed"})
    return object_id


@pytest.mark.usefixtures("_registered")
async def test_new_entry_is_listed_stored_hashed_and_compared(run_product: Run) -> None:
    async with run_product(CONFIG) as product:
        control = product.graph.control
        first = await product.backup(APP_CATEGORY.key)
        stored = await documents_of(product, first, APP_CATEGORY.key)
        for object_id in control.object_ids(0, CATEGORIES):
            control.touch_object(0, CATEGORIES, object_id)  # its date alone is no change
        renamed = rename_first(product)
        second = await product.backup(APP_CATEGORY.key)

        changes = await changes_of(product, second)
        truth = {i: control.get_object(0, CATEGORIES, i) for i in stored}
    assert (first.outcome, second.outcome) == ("succeeded", "succeeded")
    assert first.summary_counts["created"] == len(stored) == 4
    assert changes == {(APP_CATEGORY.key, renamed, "updated")}
    assert second.summary_counts["unchanged"] == 3
    assert {i: body["id"] for i, body in stored.items()} == {i: i for i in truth}


@pytest.mark.long
@pytest.mark.usefixtures("_registered")
async def test_new_entry_is_part_of_a_backup_of_everything(run_product: Run) -> None:
    async with run_product(CONFIG) as product:
        run = await product.backup()

        stored = await documents_of(product, run, APP_CATEGORY.key)
    assert run.outcome == "succeeded"
    assert len(stored) == 4
