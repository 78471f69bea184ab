"""Documents whose numbers are written from what is kept of studies."""
