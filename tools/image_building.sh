# Sourced by tools/images and tools/stand-ins: where images are built, with what, and on which base. Wants `set -euo pipefail`.
home="${ALPR_IMAGES:-${XDG_CACHE_HOME:-$HOME/.cache}/alpr/images}"
mkdir -p "$home"
home=$(cd "$home" && pwd)
say() { printf '%s\n' "$*" >&2; }

# Storage of its own: no daemon, no other images; vfs and chroot work in containers too.
buildah=(buildah --storage-driver vfs --root "$home/storage" --runroot "$home/run")

# One build at a time; who comes second finds everything there.
exec 9>"$home/.lock"
flock 9

containers_missing() {
    command -v buildah >/dev/null && command -v debootstrap >/dev/null && return 1
    say "Images need buildah and debootstrap. On Debian or Ubuntu run:  sudo apt-get install -y buildah debootstrap"
}

mirror() { # where this machine has its own packages from
    apt-get indextargets --format '$(SITE)/$(CODENAME) $(REPO_URI) $(CODENAME)' 2>/dev/null |
        awk '$3 == "bookworm" { print $2; exit }'
}

debian() { # NAME PACKAGE…: localhost/NAME, a Debian root file system with these packages
    local name=$1 packages container root
    packages=$(IFS=,; echo "${*:2}")
    "${buildah[@]}" inspect --type image "localhost/$name" >/dev/null 2>&1 && return
    say "Making localhost/$name …"
    root=$(mktemp -d "$home/rootfs.XXXX")
    debootstrap --variant=minbase --include="$packages" bookworm "$root" "$(mirror)" >"$home/debootstrap-$name.log" 2>&1 ||
        { tail -5 "$home/debootstrap-$name.log" >&2; return 1; }
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale} "$root"/var/log/*
    : >"$root/etc/apt/sources.list"
    container=$("${buildah[@]}" from scratch)
    "${buildah[@]}" add -q "$container" "$root" / >/dev/null
    "${buildah[@]}" commit -q --rm "$container" "localhost/$name" >/dev/null
    rm -rf "$root"
}

archived() { # TAG ARCHIVE: the built image TAG as ARCHIVE, whole or not at all; then it is not kept twice
    # Uncompressed: a node on this machine takes it up in a third of the time.
    "${buildah[@]}" push -q --disable-compression "$1" "oci-archive:$2.part:$1"
    mv "$2.part" "$2"
    "${buildah[@]}" rmi -q "$1" >/dev/null 2>&1 || true
}
