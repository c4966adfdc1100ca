"""The shop's side of the wire: the JSON:API client and the sources that sync reads from."""
