"""`pyv-fleet NOUN VERB`: one file a noun, each loaded only when it runs."""
