"""Facts and values of the wire: identities, tags, neutral events, operations. Pure."""
