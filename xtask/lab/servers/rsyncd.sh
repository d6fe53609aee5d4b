# rsync daemon with one module to read and write.
mkdir files && for n in $(seq 10); do head -c $((n * 700)) /dev/zero > "files/f$n"; done
cat > conf <<END
use chroot = no
[files]
path = $PWD/files
read only = no
uid = root
gid = root
END
exec rsync --daemon --no-detach --config="$PWD/conf"
