"""Adapters of the ports on Google Cloud and its emulators; only ``wiring`` builds them.

Each module imports the SDK of its own port and nothing else: imports are most of a function's cold start.
"""
