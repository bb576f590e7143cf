# Made by `make jobs` from stack/units.py: changes belong there.

Kind = "service-intentions"
Name = "live"

Sources = [
  {
    Name   = "ingress"
    Action = "allow"
  },
  {
    Name   = "*"
    Action = "deny"
  },
]
