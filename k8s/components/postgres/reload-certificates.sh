# PostgreSQL reads its certificate when it is told to: here, ten seconds after the kubelet has swapped the
# files. Connections stay. A certificate that does not fit its key is refused, and the log says so.
set -eu
folder=${CERTIFICATES:-/run/secrets/tls}
trap 'exit 0' TERM

reload() {
    psql --no-psqlrc --quiet --tuples-only --no-align --output /dev/null \
        --username "$(cat "$POSTGRES_USER_FILE")" --dbname "$(cat "$POSTGRES_DB_FILE")" \
        --command "select pg_reload_conf()"
}

seen=
while :; do
    now=$(cat "$folder/tls.crt" "$folder/tls.key" | sha256sum)
    if [ "$now" != "$seen" ] && reload; then
        seen=$now
        echo "The server has been told of its certificate."
    fi
    touch "${ALIVE:-/tmp/reloader}"
    sleep "${EVERY:-10}" &
    wait $!
done
