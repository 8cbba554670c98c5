"""Microsoft Graph: client, credentials, paging, batching, budgets, errors and reads."""
