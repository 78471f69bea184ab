"""Tables -> figures."""
