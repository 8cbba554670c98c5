"""What people may call things: workspaces, tenants, connections, schedules, principals."""

NAME_LIMIT = 200
NAME_RULE = f"use 1 to {NAME_LIMIT} printable characters without blanks at the ends"


def is_name(text: str) -> bool:
    """Tell whether the text can be shown in one line and found again."""
    return 0 < len(text) <= NAME_LIMIT and text == text.strip() and text.isprintable()
