"""Exports of backup sets as folders of files."""
