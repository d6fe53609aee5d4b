# Samba file server with one share for guests.
mkdir share state && echo hello > share/hello.txt && chmod 777 share && chmod a+rx . ..
cat > conf <<END
[global]
  map to guest = Bad User
  private dir = $PWD/state
  lock directory = $PWD/state
  state directory = $PWD/state
  cache directory = $PWD/state
  pid directory = $PWD/state
  ncalrpc dir = $PWD/state/rpc
  log file = $PWD/log
  disable spoolss = yes
  load printers = no
[share]
  path = $PWD/share
  guest ok = yes
  read only = no
END
exec smbd -F --no-process-group -s "$PWD/conf"
