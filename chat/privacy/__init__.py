"""Keys of learners and of their keys: what makes content unreadable once a learner is erased."""
