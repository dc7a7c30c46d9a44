"""The agent's config document: written forms, known keys, `${VAR}`, overlays. Pure: both sides run the same code."""
