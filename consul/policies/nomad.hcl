# A Nomad agent: registers itself and what it runs, and looks whether they are there. What tasks may read is theirs (units.hcl).

agent_prefix "" {
  policy = "read"
}

node_prefix "" {
  policy = "read"
}

service_prefix "" {
  policy = "write"
}
