"""Folders of exports, ours and others', made into backup sets."""
