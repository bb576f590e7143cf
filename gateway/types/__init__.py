"""The types of the GraphQL schema that have fields of their own to resolve, each only when asked for; one file a type."""
