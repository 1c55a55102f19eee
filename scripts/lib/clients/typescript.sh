# shellcheck shell=bash
# TypeScript: openapi-typescript and the compiler, as pinned in
# clients/typescript/package-lock.json.

TYPESCRIPT=$PWD/clients/typescript

typescript_tools() {
    ensure_node 18
    ensure_node_modules "$TYPESCRIPT"
}

# In DIR, because the generator reads a redocly.yaml of its working directory.
typescript_generate() {
    (
        cd "$1" || die "no folder $1"
        rm -rf src/generated
        "$TYPESCRIPT/node_modules/.bin/openapi-typescript" "$OPENAPI_3_1" --output src/generated/schema.ts \
            --root-types --root-types-no-schema-prefix --default-non-nullable false >"$RUN_DIR/openapi-typescript.log" 2>&1 ||
            { cat "$RUN_DIR/openapi-typescript.log" >&2; die "openapi-typescript failed"; }
        # In the manifest and in the lock file, of which the dependencies stay as they are installed.
        npm version "$(client_version)" --no-git-tag-version --allow-same-version >/dev/null
        [ ! -e node_modules ] || touch node_modules/.package-lock.json
    )
    client_resources typescript >"$1/src/generated/resources.ts"
}

# One at a time, because the tests run scenario and snippet at once.
typescript_compile() { flock "$TYPESCRIPT/tsconfig.json" "$TYPESCRIPT/node_modules/.bin/tsc" --build "$TYPESCRIPT"; }

# Node 18 has Web Crypto, which verifies webhook messages, with this flag only.
typescript_node() {
    case $(node --version) in
        v18.*) node --experimental-global-webcrypto "$@" ;;
        *) node "$@" ;;
    esac
}

typescript_check() {
    typescript_compile
    typescript_node --test "$TYPESCRIPT"/build/test/*.test.js
}

typescript_scenario() {
    typescript_compile
    typescript_node "$TYPESCRIPT/build/scenario/main.js"
}

typescript_snippet() {
    local project=$RUN_DIR/snippet
    mkdir -p "$project"
    cp "$1" "$project/snippet.ts"
    typescript_project "$project"
    "$TYPESCRIPT/node_modules/.bin/tsc" --project "$project"
    node "$project/snippet.js"
}

# `npm pack` runs the script `prepack`, as `npm publish` does.
typescript_package() {
    ln -s "$TYPESCRIPT/node_modules" "$1/node_modules"
    (cd "$1" && npm pack --silent --pack-destination "$2")
    tar -xzf "$2"/*.tgz -C "$2/contents" --strip-components 1
}

# With the package's dependencies from the client's own installation. The program is checked by the
# compiler with the declarations of the package, but without those of the compiler itself, which are
# not ours.
typescript_installed() {
    local project=$1/project name
    mkdir -p "$project/node_modules"
    for name in openapi-fetch openapi-typescript-helpers; do
        cp -r "$TYPESCRIPT/node_modules/$name" "$project/node_modules"
    done
    printf '{ "type": "module", "private": true }\n' >"$project/package.json"
    cp "$TYPESCRIPT/test/installed.ts" "$project"
    cd "$project" || die "no folder $project"
    npm install --silent --offline --no-audit --no-fund "$1"/*.tgz >&2
    "$TYPESCRIPT/node_modules/.bin/tsc" --strict --module nodenext --target es2022 --lib es2022,dom,dom.iterable \
        --skipDefaultLibCheck --typeRoots "$TYPESCRIPT/node_modules/@types" --types node installed.ts >&2
    node installed.js
}

# typescript_project FOLDER: makes FOLDER a project that has installed the package, with the compiler
# settings of the package itself.
typescript_project() {
    local package=$1/node_modules/groundwork-client
    typescript_compile
    mkdir -p "$(dirname "$package")"
    ln -s "$TYPESCRIPT" "$package"
    printf '{ "type": "module" }\n' >"$1/package.json"
    printf '{ "extends": "%s", "include": ["*.ts"] }\n' "$TYPESCRIPT/tsconfig.base.json" >"$1/tsconfig.json"
}

typescript_samples() {
    typescript_project "$1"
    "$TYPESCRIPT/node_modules/.bin/tsc" --project "$1"
}
