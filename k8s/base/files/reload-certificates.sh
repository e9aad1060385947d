# Valkey reads its certificate when it is told to: here, ten seconds after the kubelet has swapped the files.
# Connections stay. Beside the server: what it shows need not fit the new authority yet, so nobody asks.
set -eu
folder=${CERTIFICATES:-/run/secrets/tls}
trap 'exit 0' TERM

reload() {
    REDISCLI_AUTH="$(cat "${VALKEY_PASSWORD_FILE:-/run/secrets/valkey/VALKEY_PASSWORD}")" \
        valkey-cli -e -p "${VALKEY_PORT:-6379}" --tls --insecure config set \
        tls-cert-file "$folder/tls.crt" tls-key-file "$folder/tls.key" tls-ca-cert-file "$folder/ca.crt"
}

seen=
while :; do
    now=$(cat "$folder/tls.crt" "$folder/tls.key" "$folder/ca.crt" | sha256sum)
    if [ "$now" != "$seen" ] && reload; then
        seen=$now
        echo "The server has been told of its certificate."
    fi
    touch "${ALIVE:-/run/valkey/reloader}"
    sleep "${EVERY:-10}" &
    wait $!
done
