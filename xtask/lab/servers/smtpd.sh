# OpenSMTPD on 25; it takes letters for everybody and throws them away. Its spool and its socket
# are its own: a command in a namespace has its own view of the mounts.
mount -t tmpfs -o mode=711 tmpfs /var/spool
mount -t tmpfs tmpfs /run
mkdir -m 711 /var/spool/smtpd
cat > conf <<END
listen on 0.0.0.0 port 25
listen on :: port 25
table everybody { "@" = "nobody" }
action "away" mda "/bin/cat >/dev/null" virtual <everybody>
match from any for any action "away"
END
exec smtpd -d -f "$PWD/conf"
