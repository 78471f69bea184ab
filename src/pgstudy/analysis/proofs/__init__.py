"""What each estimator computes, by enumeration: bias and variance on small problems."""
