"""The queries of the GraphQL schema, one file a field."""
