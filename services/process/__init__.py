"""What a process needs: logs, Temporal's client, memory, its end."""
