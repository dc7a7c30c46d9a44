"""`/health`: the document as a pure function, the machine's figures, and the small server that shows both."""
