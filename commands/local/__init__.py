"""The product on one machine: stack, worker and demonstration."""
