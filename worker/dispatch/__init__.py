"""Dispatch: the last stage. Mails of the outbox go to the SMTP relay, and what it answers is written down."""
