"""Users that do what users do: what a visit works with, from its sockets to its clock."""
