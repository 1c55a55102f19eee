# shellcheck shell=bash
# Go, for the client in Go and for the generators that client teams use.

# The oldest Go that runs the tools below, and the release that is downloaded if only an older one
# is installed.
GO_MINIMUM=1.26
GO_RELEASE=1.26.8

go_tools() {
    command -v go >/dev/null || PATH="$PATH:/usr/local/go/bin"
    ensure_command go golang-go
    go_is_new_enough || go_fetch_release
    go_is_new_enough || die "$(go version) is too old for clients/go: Go $GO_MINIMUM or newer is needed"
    ensure_command cc gcc libc6-dev # for the race detector
}

go_is_new_enough() {
    local version
    version=$(go version | sed -n 's/^go version go\([0-9.]*\).*/\1/p')
    printf '%s\n' "$GO_MINIMUM" "$version" | sort -CV
}

# go_fetch_release: puts GO_RELEASE first in PATH. Go publishes its releases as modules. Debian 12's
# Go 1.19 can download and verify them; only Go 1.21 and later unpack and use them automatically.
go_fetch_release() {
    local cache=$TOOLS/go module root
    module=golang.org/toolchain@v0.0.1-go$GO_RELEASE.$(go env GOOS)-$(go env GOARCH)
    root=$cache/$module
    if [ ! -f "$root/.ready" ]; then
        say "installing Go $GO_RELEASE"
        (cd / && GOMODCACHE=$cache GOFLAGS=-modcacherw go mod download "$module") ||
            die "Go $GO_RELEASE is unavailable: go mod download failed"
        chmod -R u+x "$root/bin" "$root/pkg/tool"
        find "$root" -name _go.mod -execdir mv {} go.mod \;
        : >"$root/.ready"
    fi
    PATH="$root/bin:$PATH"
}
