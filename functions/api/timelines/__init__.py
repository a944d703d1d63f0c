"""Endpoints of timelines."""
