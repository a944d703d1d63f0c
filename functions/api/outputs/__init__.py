"""Endpoints of outputs."""
