"""The whole product, for workflows that are cancelled, broken or started wrongly."""

from tests.end_to_end.conftest import graph_config, product, run_product, shared_product

__all__ = ["graph_config", "product", "run_product", "shared_product"]
