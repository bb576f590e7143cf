# What HAProxy finds over DNS, which is asked without a token: the agent's own for DNS has this.

service "gateway" {
  policy = "read"
}

service "live" {
  policy = "read"
}

service "media" {
  policy = "read"
}

node_prefix "" {
  policy = "read"
}
