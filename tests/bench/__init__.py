"""Pure parts of the bench: what is said of figures."""
