"""The operator's command groups, one file each; `starter.py` composes them."""
