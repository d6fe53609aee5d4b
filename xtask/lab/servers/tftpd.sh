# TFTP: a few files, read only.
mkdir files && head -c 20000 /dev/zero > files/image && echo hello > files/config
chmod -R a+rX . && chmod a+rx ..
exec in.tftpd -L -a :69 -s "$PWD/files"
