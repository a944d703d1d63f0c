"""Picture effects: one file each, found by ``registry.py``."""
