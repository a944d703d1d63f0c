"""Event functions: one file each."""
