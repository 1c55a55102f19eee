# shellcheck shell=bash
# Executes the guides: the code blocks of a page, in order, in a copy of the tree. What follows the
# language in a block's info string is for this file; no renderer shows it.
#
#   ```bash                      is executed; all blocks of a page share one shell
#   ```bash serve                starts the service, which runs until the page ends or the next one
#                                starts; later blocks reach it where they name localhost:8000
#   ```text                      is what the block before it printed; … stands for any text
#   ```diff                      is applied
#   ```LANGUAGE file=PATH        is the whole text of that file
#   ```LANGUAGE not-run: REASON  is not executed
#
# A comment `<!-- guide: COMMAND -->` on a line of its own is executed as well. Any other block
# fails the page.

# guide_blocks PAGE FOLDER: writes each block into FOLDER and prints one line per block: the file's
# name, the number of the line before the text, the language, and the rest of the info string.
guide_blocks() {
    awk -v folder="$2" '
        function begin(info) { file = sprintf("%03d", ++blocks); printf "" >(folder "/" file); print file, NR, info }
        { line = $0; sub(/^ +/, "", line) }
        fence && line ~ ("^" fence "`* *$") { fence = ""; close(folder "/" file); next }
        fence { print substr($0, indent + 1) >(folder "/" file); next }
        match(line, /^```+/) {
            fence = substr(line, 1, RLENGTH)
            indent = length($0) - length(line)
            info = substr(line, RLENGTH + 1)
            begin(info ~ /[^ ]/ ? info : "-")
        }
        /^<!-- guide: .* -->$/ {
            begin("bash")
            print substr($0, 13, length($0) - 16) >(folder "/" file)
            close(folder "/" file)
        }
        END { if (fence) { print "a block does not end" >"/dev/stderr"; exit 1 } }' "$1"
}

# guide_kind LANGUAGE WORDS: what becomes of a block; fails if that is not said.
guide_kind() {
    case "$1 $2" in
        *" not-run: "?*) say excused ;;
        "bash ") say run ;;
        "bash serve") say serve ;;
        "text ") say output ;;
        "diff ") say apply ;;
        *" file="?*) say write ;;
        *) return 1 ;;
    esac
}

# guide_page PAGE: executes a page in the working directory, a repository, from its last commit. It
# fails with the page and the line of the first step that fails.
guide_page() {
    git reset --quiet --hard
    git clean --quiet --force -d
    local page=$1 folder
    folder=$(mktemp -d "$RUN_DIR/guide.XXXXXX")
    guide_blocks "$page" "$folder" >"$folder/index" || die "$page: the blocks cannot be read"
    [ -s "$folder/index" ] || die "$page has no code block"
    local file line language words unclear=0
    while read -r file line language words; do
        guide_kind "$language" "$words" >/dev/null && continue
        say "$page:$line: the block is not executed, and it does not say why (\`\`\`$language not-run: REASON)"
        unclear=1
    done <"$folder/index"
    [ "$unclear" -eq 0 ] || return 1
    (guide_session "$page" "$folder")
}

# guide_session PAGE FOLDER: the steps. Its variables begin with GUIDE_, because the page's commands
# run in the same shell.
guide_session() {
    GUIDE_PAGE=$1 GUIDE_FOLDER=$2 GUIDE_LINE=0 GUIDE_COMMAND=0 GUIDE_SERVER='' GUIDE_ADDRESS=localhost:8000
    : >"$GUIDE_FOLDER/output"
    exec 5>&1
    trap guide_end EXIT
    set -E
    # Within a block: which of its lines failed.
    trap 'case ${BASH_SOURCE[0]} in "$GUIDE_FOLDER"/*) GUIDE_COMMAND=$LINENO ;; esac' ERR
    while read -r GUIDE_FILE GUIDE_LINE GUIDE_LANGUAGE GUIDE_WORDS <&3; do
        GUIDE_COMMAND=0 GUIDE_STARTED=$SECONDS
        GUIDE_KIND=$(guide_kind "$GUIDE_LANGUAGE" "$GUIDE_WORDS")
        GUIDE_FILE=$GUIDE_FOLDER/$GUIDE_FILE
        sed -i.page "s|localhost:8000|$GUIDE_ADDRESS|g" "$GUIDE_FILE"
        say "-- $GUIDE_PAGE:$GUIDE_LINE ($GUIDE_KIND) after $SECONDS s"
        case $GUIDE_KIND in
            excused) say "${GUIDE_WORDS#*not-run: }" ;;
            run) guide_run "$GUIDE_FILE" ;;
            serve) guide_serve "$GUIDE_FILE" ;;
            output) guide_expect "$GUIDE_FILE" ;;
            apply) git apply --recount --whitespace=error "$GUIDE_FILE" ;;
            write) guide_write "$GUIDE_FILE" "${GUIDE_WORDS#file=}" ;;
        esac
        printf '%5d s  %s\n' "$((SECONDS - GUIDE_STARTED))" "$GUIDE_PAGE:$GUIDE_LINE" >>"$RUN_DIR/guide-times"
    done 3<"$GUIDE_FOLDER/index"
    GUIDE_LINE=end
}

guide_end() {
    local status=$?
    # A block that ends the shell leaves its own redirections.
    exec >&5
    guide_stop
    [ "$GUIDE_KIND" != run ] || [ "$status" -eq 0 ] || cat "$GUIDE_FOLDER/output"
    # `exit 0` in a block would leave out the rest.
    if [ "$GUIDE_LINE" = end ] && [ "$status" -eq 0 ]; then return; fi
    say "$GUIDE_PAGE:$((GUIDE_LINE + GUIDE_COMMAND)): FAILED (exit code $status)"
    exit 1
}

# What it prints is kept for `guide_expect`, and shown. In this shell, so that later blocks have its
# variables and its folder.
guide_run() {
    # shellcheck source=/dev/null
    . "$1" >"$GUIDE_FOLDER/output" 3<&-
    cat "$GUIDE_FOLDER/output"
}

guide_serve() {
    local log=$GUIDE_FOLDER/service.log address=""
    guide_stop
    : >"$log"
    (
        trap - EXIT ERR
        # A free port, which the log says, and cheap hashes: passwords are hashed at a low priority,
        # and clients would not wait on a busy machine.
        export PORT=0 BCRYPT_ROUNDS=4
        # shellcheck source=/dev/null
        . "$1"
    ) >"$log" 2>&1 3<&- &
    GUIDE_SERVER=$!
    while [ -z "$address" ]; do
        kill -0 "$GUIDE_SERVER" 2>/dev/null || { cat "$log"; say "the service ended"; return 1; }
        sleep 0.2
        address=$(sed -n 's|.*listening on http://\([0-9.:]*\).*|\1|p' "$log")
    done
    GUIDE_ADDRESS=$address
}

guide_stop() {
    [ -n "$GUIDE_SERVER" ] || return 0
    kill_tree "$GUIDE_SERVER"
    wait "$GUIDE_SERVER" 2>/dev/null || true
    GUIDE_SERVER=
}

# guide_expect FILE: the output of the block before is this text, in which … stands for any text.
guide_expect() {
    local expected found pattern
    expected=$(<"$1")
    found=$(<"$GUIDE_FOLDER/output")
    pattern=$(sed -e 's/[][\\*?]/\\&/g' -e 's/…/*/g' <<<"$expected")
    # shellcheck disable=SC2053 # a pattern
    [[ $found == $pattern ]] || { say "expected:" "$expected" "printed:" "$found"; return 1; }
}

guide_write() {
    mkdir -p "$(dirname "$2")"
    cp "$1" "$2"
}

# guide_times: prints the steps that took longest.
guide_times() {
    say "" "The slowest of $(wc -l <"$RUN_DIR/guide-times") steps:"
    sort -rn "$RUN_DIR/guide-times" | sed 10q
}

# guide_tree FOLDER: copies the tree into FOLDER, as a clone with one commit and without changes. It
# stays there, so that one can look at it after a failure.
guide_tree() {
    rm -rf "$1"
    mkdir -p "$1"
    git ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do if [ -e "$file" ]; then printf '%s\0' "$file"; fi; done |
        xargs -0 cp -p --parents -t "$1"
    # What differs from the tree for a moment would otherwise pass for built.
    find "$1" -type f -not -path "$1/crates/*" -not -path "$1/xtask/*" -exec touch {} +
    export GIT_AUTHOR_NAME=Guide GIT_AUTHOR_EMAIL=guide@example.com
    export GIT_COMMITTER_NAME=Guide GIT_COMMITTER_EMAIL=guide@example.com
    git -C "$1" init --quiet
    git -C "$1" add --all
    git -C "$1" commit --quiet --message=template
}

# guide_target FOLDER: makes FOLDER the target folder. It is kept, so that the next run compiles only
# what differs. What is built for the tree is taken from there. Most files are links, because
# compilers and linkers replace a file and never write into it.
guide_target() {
    local from to=$1/debug lock
    from=$(target_directory)/debug
    mkdir -p "$to/deps"
    exec {lock}>"$1/lock"
    flock --nonblock "$lock" || die "another run uses $1"
    if [ -d "$from/deps" ]; then
        cp -au "$from/build" "$from/.fingerprint" "$to/"
        find "$from/deps" -type f -name '*.d' -exec cp -pu -t "$to/deps" {} +
        find "$from/deps" -type f -not -name '*.d' -exec cp -plfu -t "$to/deps" {} +
    fi
    export CARGO_TARGET_DIR=$1
}

# guide_pages: the pages that are executed, in this order. Each starts from what the pages before it
# have committed. The first renames, so that nothing is compiled under the old name. The last one
# removes, and what uses it would be compiled again. A guide without a place here fails.
guide_pages() {
    local page pages='docs/first-day.md
docs/getting-started.md
docs/guides/mail.md
docs/guides/webhooks.md
docs/guides/rename.md
docs/guides/add-a-resource.md
docs/guides/change-the-api.md
docs/guides/deploy.md
docs/guides/remove-what-you-do-not-need.md'
    for page in docs/guides/*.md; do
        grep -qxF -- "$page" <<<"$pages" || die "$page has no place among the pages of guide_pages"
    done
    say "$pages"
}
