# vsftpd for anonymous users, with active and passive data connections; it opens data connections
# wherever PORT asks for, which makes the bounce scan possible.
mkdir -p ftp/pub empty
for n in $(seq 30); do head -c $((n * 100)) /dev/zero > "ftp/pub/file$n"; done
mkdir ftp/in && chmod 777 ftp/in && chmod 755 . ftp ftp/pub ..
cat > conf <<END
listen=NO
listen_ipv6=YES
background=NO
anonymous_enable=YES
local_enable=NO
write_enable=YES
anon_upload_enable=YES
anon_root=$PWD/ftp
secure_chroot_dir=$PWD/empty
connect_from_port_20=YES
port_promiscuous=YES
pasv_promiscuous=YES
pasv_min_port=50000
pasv_max_port=50999
seccomp_sandbox=NO
xferlog_enable=NO
END
# its sessions have given up the right to use port 20
sysctl -qw net.ipv4.ip_unprivileged_port_start=0
exec vsftpd "$PWD/conf"
