"""From what people type to runs, sets and types."""
