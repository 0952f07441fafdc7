"""A client of secondpass' own server: the same `Ranking` from a process elsewhere. Needs httpx (extra `hosted`)."""
