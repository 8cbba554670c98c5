"""Temporal workflows: orchestration only, one family per file.

Their modules import nothing heavy: the sandbox imports them anew for every run (D11).
"""
