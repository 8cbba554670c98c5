"""The resource types of Microsoft 365 as data: one entry per type, grouped in files by family.

Owns what to read, how to recognise, compare and protect it. Knows no HTTP; `graph` reads by these
entries, services store by them. Keys are stable: they stand in rows, manifests and results.
"""
