# nginx on 80 and 443 with a page of twenty pictures and two larger files.
mkdir -p www logs
for n in $(seq 20); do head -c $((600 * n)) /dev/zero | tr '\0' x > "www/pic$n.png"; done
{ for n in $(seq 20); do echo "<img src=/pic$n.png>"; done; } > www/index.html
head -c 300000 /dev/zero > www/big.bin
head -c 20000 /dev/zero > www/small.bin
chmod -R a+rX . && chmod a+rx ..
openssl req -x509 -newkey rsa:2048 -nodes -keyout tls.key -out tls.crt -days 3650 \
  -subj /CN=www.example.org >/dev/null 2>&1
cat > conf <<END
daemon off;
worker_processes 1;
error_log stderr;
pid $PWD/pid;
events {}
http {
  access_log off;
  types { text/html html; image/png png; }
  client_body_temp_path $PWD/body;
  proxy_temp_path $PWD/proxy;
  fastcgi_temp_path $PWD/fastcgi;
  uwsgi_temp_path $PWD/uwsgi;
  scgi_temp_path $PWD/scgi;
  server {
    listen 80; listen [::]:80;
    listen 443 ssl; listen [::]:443 ssl;
    ssl_certificate $PWD/tls.crt;
    ssl_certificate_key $PWD/tls.key;
    root $PWD/www;
  }
}
END
exec nginx -c "$PWD/conf" -e stderr
