# BIND as the only name server there is: it is its own root, so nothing is ever asked elsewhere.
{
  echo '$TTL 300'
  echo '@ IN SOA ns.example.org. admin.example.org. 1 3600 600 86400 60'
  echo '@ IN NS ns.example.org.'
  echo 'ns.example.org. IN A 192.0.2.12'
  echo 'www.example.org. IN A 192.0.2.11'
  echo 'www.example.org. IN AAAA 2001:db8:1::11'
  echo 'main.example.org. IN A 192.0.2.10'
  echo 'main.example.org. IN AAAA 2001:db8:1::10'
  echo 'example.org. IN MX 10 mail.example.org.'
  echo 'mail.example.org. IN A 192.0.2.12'
  # two addresses, the first of which serves nothing
  echo 'dual.example.org. IN AAAA 2001:db8:1::13'
  echo 'dual.example.org. IN A 192.0.2.11'
  for n in $(seq 201 235); do echo "s$n.example.net. IN A 198.51.100.$n"; done
  # an answer too long for one datagram
  for n in $(seq 80); do echo "long.example.org. IN TXT \"record number $n, padded so that it grows\""; done
} > root.zone
cat > conf <<END
options {
  directory "$PWD";
  pid-file none;
  session-keyfile none;
  listen-on { any; };
  listen-on-v6 { any; };
  recursion no;
  allow-query { any; };
  dnssec-validation no;
};
controls {};
zone "." { type primary; file "root.zone"; };
END
exec named -f -u root -c "$PWD/conf"
