"""The public door: GraphQL and REST over HTTP, for people's clients. Owns no data; asks the services over RPC."""
