# shellcheck shell=bash
# Starts an SMTP server for the tests of mail, on loopback, with a certificate of its own authority:
# `need smtp`.

SMTP_SERVER=$PWD/tests/smtp

smtp_tools() {
    ensure_venv smtp "$SMTP_SERVER/requirements.txt"
    ensure_command openssl openssl
}

smtp_start() {
    smtp_tools
    local folder=$RUN_DIR/smtp
    mkdir -p "$folder"
    smtp_certificates "$folder" >"$folder/openssl.log" 2>&1 ||
        { cat "$folder/openssl.log" >&2; die "the certificates of the SMTP server cannot be made"; }
    "$(venv_bin smtp)/python" "$SMTP_SERVER/server.py" "$folder" </dev/null >"$folder/log" 2>&1 &
    printf '%s\n' "$!" >"$folder/pid"
    disown "$!" || true # it may have ended already
    for _ in {1..300}; do
        if [ -f "$folder/ports.json" ]; then
            say "SMTP server on $(<"$folder/ports.json")"
            printf 'export TEST_SMTP_FOLDER=%q\n' "$folder" >"$RUN_DIR/smtp.exports"
            return 0
        fi
        sleep 0.1
    done
    cat "$folder/log" >&2
    die "the SMTP server did not start"
}

# smtp_certificates FOLDER: an authority (ca.crt), and a certificate from it for localhost.
smtp_certificates() {
    local authority=(-CA "$1/ca.crt" -CAkey "$1/ca.key")
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj '/CN=authority of the tests' -keyout "$1/ca.key" -out "$1/ca.crt" &&
        openssl req -x509 "${authority[@]}" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
            -subj '/CN=localhost' -addext 'subjectAltName=DNS:localhost' -addext 'basicConstraints=critical,CA:FALSE' \
            -keyout "$1/server.key" -out "$1/server.crt"
}

smtp_stop() {
    [ ! -f "$RUN_DIR/smtp/pid" ] || kill "$(<"$RUN_DIR/smtp/pid")" 2>/dev/null || true
}
