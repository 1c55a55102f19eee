# shellcheck shell=bash
# The clients: the list of languages, and what is the same for all of them. A language is a file
# clients/LANGUAGE.sh beside this one with eight functions:
#
#   LANGUAGE_tools           installs what the others need, or fails and names it; fast if everything is installed
#   LANGUAGE_generate DIR    writes the generated files into DIR (a copy of clients/LANGUAGE), removing
#                            stale ones first, and formats the others: a rename reorders imports
#   LANGUAGE_check           compiles and lints clients/LANGUAGE under the strictest settings
#   LANGUAGE_scenario        runs the scenario against the service named in the environment (see tests/clients)
#   LANGUAGE_snippet FILE    runs FILE, the snippet of the README with the service's address
#   LANGUAGE_package SOURCE DIR  builds in SOURCE (a copy of clients/LANGUAGE) what is published, puts
#                            it into DIR, and what it consists of into DIR/contents
#   LANGUAGE_installed DIR   installs the package of DIR into an empty project, and runs the program
#                            `installed` of clients/LANGUAGE there
#   LANGUAGE_samples DIR     compiles and lints the programs in DIR, which have the samples of the document, as
#                            LANGUAGE_check does the client

# The documents that clients are generated from; absolute, because generators change the working
# directory.
OPENAPI_3_1=$PWD/openapi/groundwork.json
# shellcheck disable=SC2034 # the languages' files use it
OPENAPI_3_0=$PWD/openapi/groundwork-3.0.json

client_languages() {
    local file
    for file in scripts/lib/clients/*.sh; do basename "$file" .sh; done
}

# client_version: the version of the document, and so of every client.
client_version() {
    sed -n 's/^    "version": "\(.*\)"$/\1/p' "$OPENAPI_3_1" | head -n 1
}

# client_copy LANGUAGE DIR: copies the language's files of the repository, without build output.
client_copy() {
    git ls-files -z --cached --others --exclude-standard -- "clients/$1" |
        while IFS= read -r -d '' file; do
            [ ! -e "$file" ] || { mkdir -p "$2/$(dirname "$file")" && cp -p "$file" "$2/$file"; }
        done
}

# client_resources LANGUAGE [PACKAGE]: prints the methods by resource, such as `users.list()`.
client_resources() {
    cargo run --quiet --locked --package xtask -- clients resources "$1" --package "${2:-client}" --document "$OPENAPI_3_1"
}

# client_document [--keep-headers]: prints the 3.1 document without 304 and without optional headers of requests, each of
# which would be an argument of a generated function.
client_document() {
    cargo run --quiet --locked --package xtask -- clients document --document "$OPENAPI_3_1" "$@"
}

# client_generate LANGUAGE DIR: the code, and the project's licences, which each package contains.
client_generate() {
    rm -f "$2"/LICENSE*
    find . -maxdepth 1 -name 'LICENSE*' -exec cp {} "$2" \;
    "${1}_generate" "$2"
}

client_fresh() {
    local language=$1 copy
    copy=$(mktemp -d "$RUN_DIR/fresh.XXXXXX")
    client_copy "$language" "$copy/found"
    client_copy "$language" "$copy/fresh"
    client_generate "$language" "$copy/fresh/clients/$language"
    diff -r "$copy/found/clients/$language" "$copy/fresh/clients/$language" ||
        die "clients/$language is not what its generator writes from openapi/; run: ./scripts/clients generate $language; then commit clients/$language"
}

# client_package LANGUAGE DIR [FILE]: from a copy, which has no output of earlier builds. Without FILE
# of the client, so that a test can show that an incomplete package fails.
client_package() {
    local language=$1 source
    source=$(mktemp -d "$RUN_DIR/package.XXXXXX")
    client_copy "$language" "$source"
    if [ -n "${3:-}" ]; then rm "$source/clients/$language/$3"; fi
    mkdir -p "$2/contents"
    "${language}_package" "$source/clients/$language" "$2" >&2
    "${language}_installed" "$2"
}

clients_main() {
    local command=${1:-} language languages
    shift || true
    mapfile -t languages < <(client_languages)
    case $command in
        languages) printf '%s\n' "${languages[@]}" && return ;;
        tools | generate | fresh | check | scenario) [ $# -eq 0 ] || languages=("$@") ;;
        snippet | package | samples) languages=("${1:?a language}") ;;
        *) sed -n '2,/^set /s/^# \{0,1\}//p' scripts/clients >&2 && exit 2 ;;
    esac
    if [ -z "${RUN_DIR:-}" ]; then
        RUN_DIR=$(mktemp -d)
        trap 'rm -rf "$RUN_DIR"' EXIT
    fi
    # In a subshell, so that one language's working directory and variables do not reach the next.
    for language in "${languages[@]}"; do
        (client_command "$command" "$language" "${@:2}")
    done
}

# client_command COMMAND LANGUAGE ARGUMENTS…: one command for one language.
client_command() {
    local command=$1 language=$2
    [ -f "scripts/lib/clients/$language.sh" ] || die "there is no client in $language"
    # shellcheck source=/dev/null
    . "scripts/lib/clients/$language.sh"
    # One at a time: tests run in parallel, and two installations in one place break each other.
    # Their output is not part of the client's.
    {
        flock 9
        ensure_rust # for client_resources
        "${language}_tools"
    } 9<scripts/clients >&2
    case $command in
        tools) ;;
        generate) client_generate "$language" "$PWD/clients/$language" ;;
        fresh) client_fresh "$language" ;;
        check | scenario) "${language}_$command" ;;
        snippet) "${language}_snippet" "${3:?a file}" ;;
        package) client_package "$language" "${@:3}" ;;
        samples) "${language}_samples" "${3:?a folder}" ;;
    esac
}
