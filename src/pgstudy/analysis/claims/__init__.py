"""Tables and gradients -> claims with verdicts."""
