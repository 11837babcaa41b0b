"""All that is kept of a learner, as one signed bundle."""
