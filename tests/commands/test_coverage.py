"""`tenantops coverage` against the metadata and the collections of the local Graph."""

from pathlib import Path
from typing import Any

from devstack.graph_service.metadata import metadata_document
from tests.commands.terminal import Terminal
from tests.end_to_end.product import Product

# The local Graph generates categories of apps, and no type reads them.
UNCOVERED = "/deviceAppManagement/mobileAppCategories"


def place(document: dict[str, Any], path: str) -> dict[str, Any]:
    (found,) = (entry for entry in document["places"] if entry["place"]["path"] == path)
    return dict(found)


async def test_coverage_names_uncovered_collections_of_graphs_own_metadata(
    office: Terminal,
) -> None:
    document = await office.json("coverage")
    assert place(document, UNCOVERED)["place"]["state"] == "uncovered"
    assert document["contents"] == []


async def test_coverage_of_a_tenant_says_which_uncovered_places_it_uses(
    office: Terminal, product: Product
) -> None:
    document = await office.json("coverage", "--tenant", str(product.tenant.id))
    held = {content["path"]: content["holds_objects"] for content in document["contents"]}
    assert held[UNCOVERED] is True
    shown = await office("coverage", "--tenant", str(product.tenant.id))
    assert "in use here" in shown.stdout


async def test_coverage_of_a_tenant_asks_for_one_element_of_each_place(
    office: Terminal, product: Product
) -> None:
    control = product.graph.control
    before = control.counters(product.tenant.entra_tenant_id)["sub_requests"]
    document = await office.json("coverage", "--tenant", str(product.tenant.id))
    after = control.counters(product.tenant.entra_tenant_id)["sub_requests"]
    assert after - before == len(document["contents"])


async def test_coverage_of_a_place_that_cannot_be_read_says_why(
    office: Terminal, product: Product
) -> None:
    control = product.graph.control
    control.add_fault(kind="status", path=UNCOVERED, status=403, code="Authorization_RequestDenied")
    document = await office.json("coverage", "--tenant", str(product.tenant.id))
    control.clear_faults()
    (content,) = (entry for entry in document["contents"] if entry["path"] == UNCOVERED)
    assert content["holds_objects"] is None
    assert content["reason_code"] == "provider_permission_denied"


async def test_coverage_with_all_shows_types_and_reasons(office: Terminal) -> None:
    document = await office.json("coverage", "--all")
    filters = place(document, "/deviceManagement/assignmentFilters")["place"]
    events = place(document, "/deviceManagement/auditEvents")["place"]
    assert (filters["state"], filters["resource_type"]) == ("covered", "filter")
    assert (events["state"], events["reason"]) == ("left_out", "events")


async def test_coverage_with_exit_code_fails_when_something_is_uncovered(office: Terminal) -> None:
    await office("coverage", "--exit-code", code=1)


async def test_coverage_without_a_tenant_needs_no_database(
    office: Terminal, tmp_path: Path
) -> None:
    stack = {"DATABASE_URL": "", "TENANTOPS_DEVSTACK_DIR": str(tmp_path / "no-stack")}
    shell = Terminal({**office.variables, **stack})
    document = await shell.json("coverage", "--all")
    groups = place(document, "/groups")["place"]
    assert (groups["state"], groups["resource_type"]) == ("covered", "group")
    saved = tmp_path / "metadata.xml"
    saved.write_bytes(metadata_document("beta"))
    assert (await shell.json("coverage", "--beta", str(saved)))["uncovered"] > 0


async def test_coverage_of_a_document_without_a_watched_part_names_it(
    office: Terminal, tmp_path: Path
) -> None:
    saved = tmp_path / "metadata.xml"
    saved.write_bytes(metadata_document("beta").replace(b'"deviceAppManagement" Type', b'"x" Type'))
    shown = await office("coverage", "--beta", str(saved))
    assert "The document of beta has no deviceAppManagement" in shown.output
    document = await office.json("coverage", "--beta", str(saved))
    assert "deviceAppManagement" in document["missing"]["beta"]


async def test_coverage_of_a_broken_file_says_so(office: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "metadata.xml"
    file.write_text("<html></html>")
    shown = await office("coverage", "--beta", str(file), code=2)
    assert "metadata" in shown.output
