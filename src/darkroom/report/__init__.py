"""Tables, figures and a self-contained HTML page, made from the records of runs."""
