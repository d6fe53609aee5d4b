# Dovecot: POP3 and IMAP in the clear, user `anna`, password `secret`, a few letters.
mkdir -p mail/new mail/cur mail/tmp run
for n in $(seq 5); do
  printf 'From: a@example.org\r\nSubject: letter %s\r\n\r\nHello.\r\n' "$n" > "mail/new/$n.host"
done
chown -R dovecot:dovecot mail && chmod a+rx . ..
cat > conf <<END
protocols = imap pop3
base_dir = $PWD/run
state_dir = $PWD/run
log_path = /dev/stderr
ssl = no
disable_plaintext_auth = no
mail_location = maildir:$PWD/mail
first_valid_uid = 1
mail_uid = dovecot
mail_gid = dovecot
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=dovecot gid=dovecot home=$PWD
}
END
exec dovecot -F -c "$PWD/conf"
