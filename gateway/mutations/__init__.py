"""The mutations of the GraphQL schema, one file a field."""
