"""A backup as its users see it: everything there, nothing twice, changes named (D4, D5, D9)."""

from tests.end_to_end.product import Product


async def test_backup_of_a_small_tenant_succeeds(product: Product) -> None:
    run = await product.backup()
    assert run.outcome == "succeeded"
    assert run.summary_counts["captured"] == run.summary_counts["total"] > 150
