"""pgstudy: what does a policy-gradient estimate from N trajectories buy?"""
