# Made by `make jobs` from stack/units.py: changes belong there.

Kind = "service-intentions"
Name = "postgres"

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
    Name   = "media"
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
    Name   = "*"
    Action = "deny"
  },
]
