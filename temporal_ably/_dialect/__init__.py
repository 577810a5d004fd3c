"""Dialects: neutral events to channel messages and back. Pure."""
