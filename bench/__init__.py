"""Measures the product against the targets of its design, beside its peers and its limits.

`make bench` runs everything, `make bench ONLY=P4` one target; `docs/performance.md` is written from
what was measured. Ratios of one run are what counts: everything that is compared runs in turn, on
the same servers.
"""
