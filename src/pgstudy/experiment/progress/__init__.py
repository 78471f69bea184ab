"""How far runs are: plan <- progress <- watch <- live, for people who watch."""
