"""Adapters of the ports. Only ``functions/wiring.py`` imports them."""
