# Redis without a password.
exec redis-server --bind '* -::*' --protected-mode no --save '' --dir "$PWD"
