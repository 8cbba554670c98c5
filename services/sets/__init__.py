"""What backups left: sets, comparisons, exports."""
