"""What a learner may ask of the data that is kept: to be given it, and to be rid of it."""
