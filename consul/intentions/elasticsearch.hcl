# Made by `make jobs` from stack/units.py: changes belong there.

Kind = "service-intentions"
Name = "elasticsearch"

Sources = [
  {
    Name   = "search"
    Action = "allow"
  },
  {
    Name   = "search-indexer"
    Action = "allow"
  },
  {
    Name   = "*"
    Action = "deny"
  },
]
