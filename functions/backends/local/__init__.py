"""The ports on one machine: one SQLite file for documents and messages, a folder for bytes. Nothing to install."""
