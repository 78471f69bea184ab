"""pgstudy: what does a policy-gradient estimate from N trajectories buy?"""

from pgstudy.learning import dispatch

dispatch.pin()  # before numpy and torch are imported
