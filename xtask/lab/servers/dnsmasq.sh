# dnsmasq as a DHCP server with short leases.
exec dnsmasq -k -C /dev/null --port=0 --dhcp-authoritative --dhcp-leasefile="$PWD/leases" \
  --dhcp-range=192.0.2.150,192.0.2.180,2m --dhcp-option=3,192.0.2.1 --pid-file="$PWD/pid" \
  --user=root
