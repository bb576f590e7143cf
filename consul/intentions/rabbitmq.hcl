# Made by `make jobs` from stack/units.py: changes belong there.

Kind = "service-intentions"
Name = "rabbitmq"

Sources = [
  {
    Name   = "analytics-events"
    Action = "allow"
  },
  {
    Name   = "analytics-service"
    Action = "allow"
  },
  {
    Name   = "gateway"
    Action = "allow"
  },
  {
    Name   = "live"
    Action = "allow"
  },
  {
    Name   = "notifications"
    Action = "allow"
  },
  {
    Name   = "notifications-events"
    Action = "allow"
  },
  {
    Name   = "notifications-push"
    Action = "allow"
  },
  {
    Name   = "orders"
    Action = "allow"
  },
  {
    Name   = "orders-reconciler"
    Action = "allow"
  },
  {
    Name   = "orders-relay"
    Action = "allow"
  },
  {
    Name   = "orders-terms"
    Action = "allow"
  },
  {
    Name   = "orders-views"
    Action = "allow"
  },
  {
    Name   = "products"
    Action = "allow"
  },
  {
    Name   = "products-clock"
    Action = "allow"
  },
  {
    Name   = "products-relay"
    Action = "allow"
  },
  {
    Name   = "products-stock"
    Action = "allow"
  },
  {
    Name   = "search"
    Action = "allow"
  },
  {
    Name   = "search-indexer"
    Action = "allow"
  },
  {
    Name   = "users"
    Action = "allow"
  },
  {
    Name   = "users-capture"
    Action = "allow"
  },
  {
    Name   = "*"
    Action = "deny"
  },
]
