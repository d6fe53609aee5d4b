# chrony as a time server; it leaves the clock of the machine alone (-x).
cat > conf <<END
local stratum 8
allow
cmdport 0
bindcmdaddress /
pidfile $PWD/pid
END
exec chronyd -d -x -u root -f "$PWD/conf"
