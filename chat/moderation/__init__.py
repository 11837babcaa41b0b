"""Whether content is kept, masked, flagged or refused: word lists and an operator's own judgement, by version."""
