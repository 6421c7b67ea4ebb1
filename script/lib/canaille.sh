# shellcheck shell=bash
# The identity provider that the tests sign in with (OpenID Connect). Sourced after postgres.sh, whose helpers it
# uses.

canaille_version=0.3.6

# Sets canaille_python to a Python that has Canaille with canaille_path as its PYTHONPATH, installing it where none
# has: with pip into the target folder, which touches no Python environment.
need_canaille() {
    local python by_pip
    local constraints="$PWD/script/lib/canaille.txt"
    if find_canaille; then return; fi

    if ! find_pip && [ "$(package_manager)" = apt-get ] && can_be_root; then
        say "No Python with pip found: installing the package python3-pip."
        apt_update && apt_install python3-pip || true
    fi
    if ! python=$(find_pip); then
        case $(package_manager) in
            apt-get) die "Python 3.10 or newer with pip is needed, for Canaille, the tests' identity provider. Install it with: sudo apt-get update && sudo apt-get install -y python3-pip" ;;
            *) die "Python 3.10 or newer with pip is needed, for Canaille, the tests' identity provider." ;;
        esac
    fi
    canaille_path=$(canaille_folder "$python")
    by_pip="$python -m pip install --target '$canaille_path' --constraint '$constraints' 'canaille[front,oidc,sqlite]==$canaille_version'"
    say "No Canaille found: putting it into $canaille_path."
    # Into a folder that no search finds, until all of it is there. What pip says of other packages concerns none.
    rm -rf "$canaille_path.part"
    "$python" -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --root-user-action=ignore \
        --target "$canaille_path.part" --constraint "$constraints" "canaille[front,oidc,sqlite]==$canaille_version" >&2 ||
        die "Canaille could not be installed. Try it by hand: $by_pip"
    rm -rf "$canaille_path"
    mv "$canaille_path.part" "$canaille_path"
    find_canaille || die "Canaille was installed and does not start. Try: PYTHONPATH='$canaille_path' $python -c 'import canaille.oidc.provider, canaille.backends.sql.backend'"
}

# Parts of it are compiled for one version of Python.
canaille_folder() {
    local version
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || return 1
    echo "${CARGO_TARGET_DIR:-$PWD/target}/canaille-$canaille_version-python$version"
}

find_pip() {
    local python
    for python in python3 python /usr/bin/python3; do
        if has "$python" && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null &&
            "$python" -m pip --version >/dev/null 2>&1; then
            echo "$python"
            return
        fi
    done
    return 1
}

find_canaille() {
    local python
    for python in python3 python /usr/bin/python3; do
        if ! has "$python"; then continue; fi
        canaille_path=$(canaille_folder "$python") || continue
        canaille_python=$(PYTHONPATH=$canaille_path "$python" -c \
            'import sys, canaille.oidc.provider, canaille.backends.sql.backend; print(sys.executable)' 2>/dev/null) && return
    done
    return 1
}
