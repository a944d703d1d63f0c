"""Endpoints of renders."""
