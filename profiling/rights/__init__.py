"""The rights of the people the lake is about: who must not appear, consent, how long, what is held, being forgotten."""
