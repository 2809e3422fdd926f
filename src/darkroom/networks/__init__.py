"""One file a network, named as its paper names it."""
