# What watches asks after everything that is there.

service_prefix "" {
  policy = "read"
}

node_prefix "" {
  policy = "read"
}
