"""Operation runs: the one writer of rows, ownership, begin and end, reading."""
