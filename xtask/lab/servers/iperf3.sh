# iperf3 server.
exec iperf3 -s
