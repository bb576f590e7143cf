# Made by `make jobs` from stack/units.py: changes belong there.

Kind = "service-intentions"
Name = "mongo"

Sources = [
  {
    Name   = "media"
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
