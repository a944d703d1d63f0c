"""Endpoints of workers."""
