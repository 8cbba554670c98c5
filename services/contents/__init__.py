"""Documents at rest: hashes, encryption, keys."""
