# Net-SNMP, community `public`.
printf 'rocommunity public\nrocommunity6 public\n' > conf
exec snmpd -f -Lo -C -c "$PWD/conf" -p "$PWD/pid" udp:161 udp6:161
