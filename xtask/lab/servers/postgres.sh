# PostgreSQL that trusts everybody.
bin=$(echo /usr/lib/postgresql/*/bin)
mkdir data && chown postgres data && chmod a+rx . ..
runuser -u postgres -- "$bin/initdb" -D "$PWD/data" --auth=trust --no-sync >/dev/null
printf 'host all all 0.0.0.0/0 trust\nhost all all ::/0 trust\n' >> data/pg_hba.conf
exec runuser -u postgres -- "$bin/postgres" -D "$PWD/data" -c listen_addresses='*' \
  -c unix_socket_directories= -c fsync=off
