"""Protocols that several recipes are evaluated by, with the numbers published under them."""
