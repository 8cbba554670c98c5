"""Servers under real signals."""
