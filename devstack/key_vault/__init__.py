"""A small key vault that speaks the REST interface of Azure Key Vault over HTTPS, for tests."""

from devstack.key_vault.service import Fault, KeyVault, running_key_vault

__all__ = ["Fault", "KeyVault", "running_key_vault"]
