"""Tables, figures and the self-contained page, made from what a run wrote down."""
