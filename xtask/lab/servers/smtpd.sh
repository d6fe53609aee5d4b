# OpenSMTPD on 25; what it accepts is thrown away.
mkdir -p /var/spool/smtpd
cat > conf <<END
listen on 0.0.0.0 port 25
listen on :: port 25
action "away" mda "/bin/cat >/dev/null" user nobody
match from any for any action "away"
END
exec smtpd -d -f "$PWD/conf"
