"""Interactive and file output for trained scenes: the viewer, rendered views, and videos."""
