# shellcheck shell=bash
# The deployments: proxies for the tests, and tools that validate Compose, Kubernetes and
# Dockerfiles. None of them uses the network.

# ensure_proxy NAME: installs nginx or haproxy without starting a service, which the package would
# do and enable.
ensure_proxy() {
    PATH=$PATH:/usr/sbin
    command -v "$1" >/dev/null && return
    # In a subshell, because a failed installation ends it, and the policy file must not stay.
    (
        policy=/usr/sbin/policy-rc.d # packages run it before they start a service; 101 forbids the start
        if [ ! -e "$policy" ]; then
            trap 'as_root rm -f "$policy"' EXIT
            printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
            as_root chmod 755 "$policy"
        fi
        ensure_command "$1" "$1"
    )
    if [ -d /run/systemd/system ]; then as_root systemctl disable --quiet --now "$1" || true; fi
}

ensure_deploy_tools() {
    ensure_venv deploy tests/deploy/requirements.txt
    TRAEFIK=$(venv_bin deploy)/traefik
    export TRAEFIK
}

lint_compose() {
    "$(venv_bin deploy)/check-jsonschema" --builtin-schema vendor.compose-spec "$@"
}

# The oldest version that the manifests require, and the newest that the tool knows.
lint_kubernetes() {
    local version
    for version in 1.30 1.37; do
        "$(venv_bin deploy)/kubernetes-validate" --strict --kubernetes-version "$version" "$@" || return
    done
}

lint_dockerfile() {
    "$(venv_bin deploy)/hadolint" --no-color --failure-threshold info "$1"
}

# lint_patroni FILE: with Patroni's own check. It looks for PostgreSQL's programs and data folder,
# so a copy of the file gets those of this machine.
lint_patroni() {
    local copy
    copy=$(mktemp "$RUN_DIR/patroni.XXXXXX")
    sed -e "s|^  bin_dir: .*|  bin_dir: $(postgres_bin)|" -e "s|^  data_dir: .*|  data_dir: $RUN_DIR/patroni-data|" "$1" >"$copy"
    "$(venv_bin deploy)/python" -B tests/deploy/check_patroni.py "$copy"
}

lint_haproxy() {
    haproxy -c -f "$1"
}

# deploy_seed FILE EXPRESSION: copies a file of deploy/, seeds a fault into the copy with sed, and
# prints its name.
deploy_seed() {
    local copy
    copy=$(mktemp -d "$RUN_DIR/deploy-seed.XXXXXX")/$(basename "$1")
    sed "$2" "deploy/$1" >"$copy"
    ! cmp -s "deploy/$1" "$copy" || die "there is nothing to change in deploy/$1"
    printf '%s\n' "$copy"
}

# The files for kubectl; the kustomization is no cluster resource.
kubernetes_manifests() { printf '%s\n' deploy/kubernetes/*.yaml | grep -v '/kustomization.yaml$'; }

deploy_quality() {
    local manifests word type image lock check
    mapfile -t manifests < <(kubernetes_manifests)
    step "compose: deploy/compose.yaml" lint_compose deploy/compose.yaml
    step "kubernetes: ${#manifests[@]} manifests" lint_kubernetes "${manifests[@]}"
    step "hadolint: deploy/Dockerfile" lint_dockerfile deploy/Dockerfile
    step "patroni: deploy/patroni/patroni.yml" lint_patroni deploy/patroni/patroni.yml
    step "haproxy: deploy/patroni/haproxy.cfg" lint_haproxy deploy/patroni/haproxy.cfg

    word=$(deploy_seed compose.yaml 's/  read_only:/  readonly:/')
    type=$(deploy_seed kubernetes/deployment.yaml 's/  replicas: 3/  replicas: three/')
    image=$(deploy_seed Dockerfile 's/^FROM debian:.*/FROM debian:latest/')
    lock=$(deploy_seed patroni/patroni.yml 's/    ttl: 20/    ttl: twenty/')
    check=$(deploy_seed patroni/haproxy.cfg 's/    option httpchk/    option httpcheck/')
    step "compose: a word that it does not know is found" finds "'readonly' was unexpected" lint_compose "$word"
    step "kubernetes: a value of another type is found" finds "'three' is not of type 'integer'" lint_kubernetes "$type"
    step "hadolint: an image without a version is found" finds DL3007 lint_dockerfile "$image"
    step "patroni: a value of another type is found" finds "bootstrap.dcs.ttl" lint_patroni "$lock"
    step "haproxy: a word that it does not know is found" finds "unknown option 'httpcheck'" lint_haproxy "$check"
}

# image_builds: replays the build of the Dockerfile without a container. It copies the files of both
# steps, which shows that they suffice and that the second build replaces the empty program.
# Unoptimized, because the dependencies are built already.
image_builds() {
    local folder=$RUN_DIR/image from package
    mkdir -p "$folder/src"
    cp -r Cargo.toml Cargo.lock build.rs crates xtask "$folder/"
    echo 'fn main() {}' >"$folder/src/main.rs"
    touch "$folder/src/lib.rs"
    (cd "$folder" && cargo build --locked --bin groundwork --examples)
    rm -r "$folder/src"
    # With their modification times, which COPY preserves.
    while read -r from; do cp -rp "$from" "$folder/"; done < <(sed -n 's/^COPY \([a-z]*\) \1$/\1/p' deploy/Dockerfile)
    find "$folder/src" -name '*.rs' -exec touch {} +
    (cd "$folder" && cargo build --locked --bin groundwork --examples)
    package=$(cargo pkgid)
    [ "$(cd "$folder" && cargo run --quiet --locked -- --version)" = "groundwork ${package##*[#@]}" ] ||
        die "the program of the second build is another one"
}
