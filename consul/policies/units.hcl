# Made by `make jobs` from stack/units.py: changes belong there.

key_prefix "livedrops/" {
  policy = "read"
}

service "elasticsearch" {
  policy = "read"
}

service "mongo" {
  policy = "read"
}

service "postgres" {
  policy = "read"
}

service "rabbitmq" {
  policy = "read"
}

service "redis" {
  policy = "read"
}

service "prometheus" {
  policy = "read"
}

# Addresses are told with the machine that they are on.
node_prefix "" {
  policy = "read"
}
