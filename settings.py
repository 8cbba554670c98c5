"""Settings of the product, read from the environment; wrong ones stop the process."""
