"""Forward models y = A(x) + n."""
