# Samba's name server: NetBIOS announcements and name queries by broadcast.
mkdir state
cat > conf <<END
[global]
  netbios name = $(hostname | tr -dc a-zA-Z | head -c 8)L
  workgroup = EXAMPLE
  private dir = $PWD/state
  lock directory = $PWD/state
  state directory = $PWD/state
  cache directory = $PWD/state
  pid directory = $PWD/state
  log file = $PWD/log
END
exec nmbd -F --no-process-group -s "$PWD/conf"
