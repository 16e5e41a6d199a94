#!/bin/sh
# Keeps a program's size records on a branch of its own in the repository here, for those who want them longer
# than a cache keeps anything. The branch holds NAME.json (what `minsize gate --save` wrote) and NAME.jsonl
# (`minsize history`); each of its commits is one of the main branch's, so that the record of any can be found.
#
#   record.sh find BRANCH NAME COMMIT FILE            into FILE: COMMIT's record, else the newest; nothing where there is none
#   record.sh keep BRANCH NAME COMMIT FILE PROGRAM    FILE becomes COMMIT's record
#
# The folder's files, index and branches stay as they are.
set -eu
verb=$1 branch=$2 name=$3 commit=$4 file=$5
ref=refs/minsize/$branch
# A program's name may have anything in it, a file's may not.
plain=$(printf %s "$name" | tr -c 'A-Za-z0-9._-' _)

fetch() {
    git update-ref -d "$ref"
    git fetch --quiet --no-tags origin "+refs/heads/$branch:$ref" 2>/dev/null || true # no such branch yet
}

case $verb in
find)
    fetch
    git rev-parse --quiet --verify "$ref" >/dev/null || exit 0
    found=$(git log -1 --format=%H --fixed-strings --grep="minsize $plain $commit" "$ref")
    mkdir -p "$(dirname "$file")"
    if git show "${found:-$ref}:$plain.json" >"$file.part" 2>/dev/null; then
        mv "$file.part" "$file"
    else
        rm -f "$file.part" # a branch with other programs' records alone
    fi
    ;;
keep)
    temp=$(mktemp -d)
    trap 'rm -rf "$temp"' EXIT
    export GIT_INDEX_FILE="$temp/index"
    export GIT_AUTHOR_NAME=minsize GIT_AUTHOR_EMAIL=minsize@localhost GIT_COMMITTER_NAME=minsize GIT_COMMITTER_EMAIL=minsize@localhost
    tries=0
    while :; do # another job of the same push may have been faster
        rm -f "$GIT_INDEX_FILE" "$temp/history"
        fetch
        parent=
        if git rev-parse --quiet --verify "$ref" >/dev/null; then
            parent="-p $(git rev-parse "$ref")"
            git read-tree "$ref"
            git show "$ref:$plain.jsonl" >"$temp/history" 2>/dev/null || rm -f "$temp/history"
        fi
        minsize history add --file "$temp/history" --as "$name" --commit "$commit" "$6"
        for pair in "$plain.json $file" "$plain.jsonl $temp/history"; do
            git update-index --add --cacheinfo "100644,$(git hash-object -w "${pair#* }"),${pair%% *}"
        done
        # shellcheck disable=SC2086 # none, or -p and a commit
        new=$(git commit-tree "$(git write-tree)" $parent -m "minsize $plain $commit")
        if git push --quiet origin "$new:refs/heads/$branch"; then
            exit 0
        fi
        tries=$((tries + 1))
        if [ "$tries" -ge 5 ]; then
            echo "::warning title=size record::the branch $branch cannot be written, so that no record was kept; the job needs \`permissions: contents: write\`"
            exit 0 # the program is no larger for it
        fi
    done
    ;;
esac
