# OpenSSH: root with the key `key`, user passwords are refused.
mount -t tmpfs tmpfs /run && mkdir /run/sshd
ssh-keygen -q -t ed25519 -N '' -f hostkey
ssh-keygen -q -t ed25519 -N '' -f key
cp key.pub authorized && chmod 600 authorized
cat > conf <<END
HostKey $PWD/hostkey
AuthorizedKeysFile $PWD/authorized
PermitRootLogin yes
StrictModes no
UsePAM no
PidFile none
MaxStartups 100
Subsystem sftp internal-sftp
END
exec /usr/sbin/sshd -D -e -f "$PWD/conf"
