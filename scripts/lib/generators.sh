# shellcheck shell=bash
# Runs the generators that client teams use, unmodified and with their validation, on the published
# documents. Some of the project's own clients use other generators;
# docs/decisions/0012-tools-around-the-document.md says why.

GENERATORS=$PWD/tests/generators

# The generators of openapi-generator. It reads both dialects and is run on both.
OPENAPI_GENERATORS='kotlin csharp typescript-fetch typescript-axios php ruby swift6 dart rust go python java'

ensure_generator_tools() {
    # shellcheck source=scripts/lib/go.sh
    . scripts/lib/go.sh
    # shellcheck source=scripts/lib/java.sh
    . scripts/lib/java.sh
    java_tools
    go_tools
    ensure_node 18 # for npm; the generators run on the Node of the environment
    ensure_node_modules "$GENERATORS"
    ensure_venv generators "$GENERATORS/requirements.txt"
    GENERATED=$RUN_DIR/generated
    mkdir -p "$GENERATED"
    # The generated TypeScript finds its packages here.
    ln -sfn "$GENERATORS/node_modules" "$GENERATED/node_modules"
}

# document_of DIALECT
document_of() {
    case $1 in
        3.1) printf '%s\n' "$PWD/openapi/groundwork.json" ;;
        3.0) printf '%s\n' "$PWD/openapi/groundwork-3.0.json" ;;
        *) die "there is no document of $1" ;;
    esac
}

# openapi_generator ARGUMENTS…: runs the jar of the pinned package without its wrapper, which would
# accept Java options from the environment.
openapi_generator() {
    local jar
    jar=$(echo "$TOOLS"/venv/generators/lib/python3*/site-packages/openapi_generator_cli/openapi-generator.jar)
    java -jar "$jar" "$@"
}

# openapi_validate FILE: fails on any error, warning or recommendation. The validator does not read
# `webhooks` and reports their schemas as unused: exactly those are expected.
openapi_validate() {
    local said expected
    expected=$(python3 "$GENERATORS/validation.py" "$1")
    said=$(openapi_generator validate --recommend --input-spec "$1" 2>&1) || { say "$said"; return 1; }
    [ "$(sort <<<"$said")" = "$(sort <<<"$expected")" ] || { say "$said"; return 1; }
}

# generate GENERATOR DOCUMENT FOLDER: as in its own documentation, with no option except a name or a
# version.
generate() {
    local generator=$1 document=$2 folder=$3 node_bin
    node_bin=$(venv_bin generators)
    case $generator in
        hey-api) (cd "$GENERATORS" && PATH=$node_bin:$PATH node_modules/.bin/openapi-ts --input "$document" --output "$folder") ;;
        swagger-typescript-api)
            (cd "$GENERATORS" && PATH=$node_bin:$PATH node_modules/.bin/swagger-typescript-api generate --path "$document" --output "$folder" --name api.ts)
            ;;
        # The lock file contains the package's version, which would otherwise be the document's.
        rust) openapi_generator generate --generator-name rust --input-spec "$document" --output "$folder" \
            --additional-properties packageVersion=0.0.0 ;;
        *) openapi_generator generate --generator-name "$generator" --input-spec "$document" --output "$folder" ;;
    esac
}

# is_whole GENERATOR DOCUMENT FOLDER: no operation and no schema is missing, and the log contains no
# complaint.
is_whole() {
    PYTHONDONTWRITEBYTECODE=1 "$(venv_bin generators)/python" "$GENERATORS/check.py" "$1" "$2" "$3" "$3.log"
}

# generates GENERATOR DIALECT
generates() {
    local document folder=$GENERATED/$1-$2
    document=$(document_of "$2")
    generate "$1" "$document" "$folder" >"$folder.log" 2>&1 || { tail -n 40 "$folder.log"; die "$1 failed"; }
    is_whole "$1" "$document" "$folder"
}

compile_typescript() {
    local project=$GENERATED/$1-3.1
    printf '{ "extends": "%s", "include": ["%s/**/*.ts"], "compilerOptions": { "typeRoots": ["%s"] } }\n' \
        "$GENERATORS/tsconfig.json" "$project" "$GENERATORS/node_modules/@types" >"$project/tsconfig.strict.json"
    PATH=$(venv_bin generators):$PATH "$GENERATORS/node_modules/.bin/tsc" --project "$project/tsconfig.strict.json"
}

# Only the package: its generated tests call a service that does not run.
compile_go() {
    go build -C "$GENERATED/go-3.1" .
    go vet -C "$GENERATED/go-3.1" .
}

# With pinned dependencies, and without TLS, which the generated code does not use.
compile_rust() {
    cp "$GENERATORS/rust/Cargo.lock" "$GENERATED/rust-3.1/Cargo.lock"
    (
        cd "$GENERATED/rust-3.1" || die "no generated Rust"
        CARGO_TARGET_DIR=$TOOLS/generators-rust cargo check --quiet --locked --no-default-features
    )
}

# With the mypy settings that the generator itself writes.
compile_python() {
    (
        cd "$GENERATED/python-3.1" || die "no generated Python"
        "$(venv_bin generators)/mypy" --cache-dir "$TOOLS/mypy-generators" openapi_client
    )
}

compile_java() { mvn --quiet --batch-mode --no-transfer-progress --file "$GENERATED/java-3.1/pom.xml" compile; }

# damaged GENERATOR NAME EXPRESSION: copies the generated code, damages the copy with sed, and
# prints its name.
damaged() {
    local from=$GENERATED/$1-3.1 copy=$GENERATED/$1-$2
    cp -r "$from" "$copy"
    cp "$from.log" "$copy.log"
    find "$copy" -type f -name '*.py' -exec sed -i "$3" {} +
    ! diff -rq "$from" "$copy" >/dev/null || die "there is nothing to damage for $2"
    printf '%s\n' "$copy"
}

# A schema with the name of the Ruby clients' exception, which the error body once had.
ruby_collision() {
    local document=$RUN_DIR/collision.json folder=$GENERATED/ruby-collision
    sed 's/\bErrorBody\b/ApiError/g' openapi/groundwork.json >"$document"
    generate ruby "$document" "$folder" >"$folder.log" 2>&1
    is_whole ruby "$document" "$folder"
}

# Shows that the checks above can fail.
generators_can_fail() {
    local document lost_operation lost_schema chatty link=$RUN_DIR/link.json
    document=$(document_of 3.1)
    # shellcheck disable=SC2016 # an expression of OpenAPI
    sed 's|"requestBody": "$response.body"|"requestBody": {"refresh_token": "$response.body#/refresh_token"}|' "$document" >"$link"
    ! cmp -s "$document" "$link" || die "there is no link to change"
    lost_operation=$(damaged python lost-operation 's/def auth_login(/def auth_log(/')
    lost_schema=$(damaged python lost-schema 's/^class TokenPair(/class Tokens(/')
    chatty=$(damaged python chatty '1s/^/# /')
    say '[main] WARN  o.o.codegen.DefaultCodegen - User has no type' >>"$chatty.log"
    step "a link that it cannot read is found" finds "is not of type" openapi_validate "$link"
    step "a lost operation is found" finds "no operation auth_login" is_whole python "$document" "$lost_operation"
    step "a lost schema is found" finds "no schema TokenPair" is_whole python "$document" "$lost_schema"
    step "a warning is found" finds "it says:" is_whole python "$document" "$chatty"
    step "a name that the generator uses itself is found" finds "ApiError is defined in" ruby_collision
}

generators_quality() {
    local generator dialect
    for dialect in 3.1 3.0; do
        begin_step "openapi-generator validates the document of $dialect" openapi_validate "$(document_of "$dialect")"
        for generator in $OPENAPI_GENERATORS; do
            begin_step "$generator, from $dialect: nothing is lost" generates "$generator" "$dialect"
        done
    done
    for generator in hey-api swagger-typescript-api; do
        begin_step "$generator, from 3.1: nothing is lost" generates "$generator" 3.1
    done
    end_steps
    for generator in typescript-fetch typescript-axios hey-api swagger-typescript-api; do
        begin_step "$generator: compiles under --strict" compile_typescript "$generator"
    done
    for generator in go rust python java; do
        begin_step "$generator: compiles" "compile_$generator"
    done
    end_steps
    generators_can_fail
}
