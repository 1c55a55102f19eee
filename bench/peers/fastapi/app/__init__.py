"""Accounts and sessions, as a FastAPI starter project would serve them."""
