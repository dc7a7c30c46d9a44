"""Who is who, and who may sign what: certificates, enrolment, tokens, keys (PROTOCOL 2, 4, 9)."""
