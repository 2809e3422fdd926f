"""Protocols that several recipes are judged by, with the numbers published under them."""
