"""A shop's GraphQL over the state of our own shop server, as close to the recordings as the source needs it."""
