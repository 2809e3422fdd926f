"""Kinds of evaluations: what is predicted from a test set, how it is scored, and what is shown of it."""
